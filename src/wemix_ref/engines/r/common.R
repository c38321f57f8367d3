# Pieces shared by every R engine: data in, term layout, components, matrices out.

options(contrasts = c("contr.treatment", "contr.poly"), na.action = "na.omit",
        OutDec = ".", scipen = 0, warn = 1)

# Stop with a class of its own, so that a package that is not there is told from an error.
need <- function(...) {
  lacking <- unlist(lapply(c(...), function(package) {
    tryCatch({
      suppressPackageStartupMessages(loadNamespace(package))
      NULL
    }, error = function(e) {
      why <- if (length(find.package(package, quiet = TRUE))) {
        paste("is installed and cannot be loaded:", conditionMessage(e))
      } else {
        "is not installed"
      }
      paste("the R package", package, why)
    })
  }))
  if (length(lacking)) {
    stop(structure(
      class = c("missing_package", "error", "condition"),
      list(message = paste(lacking, collapse = "; "), call = NULL)
    ))
  }
}

package_versions <- function(...) {
  packages <- c(...)
  found <- vapply(packages, function(p) as.character(utils::packageVersion(p)), "")
  as.list(c(R = paste(R.version$major, R.version$minor, sep = "."), found))
}

# Column names are kept as they are: no make.names, no conversion of text.
as_frame <- function(columns) {
  rows <- if (length(columns)) length(columns[[1]]) else 0L
  structure(columns, class = "data.frame", row.names = seq_len(rows))
}

as_model_formula <- function(text) stats::as.formula(text, env = globalenv())

# A name that no column has.
free_name <- function(taken, wanted) utils::tail(make.unique(c(taken, wanted), sep = "_"), 1L)

# Value of an expression with the warnings and messages that came with it, in order, each once.
captured <- function(expr) {
  told <- character()
  keep <- function(condition) told <<- c(told, trimws(conditionMessage(condition)))
  value <- withCallingHandlers(
    expr,
    warning = function(w) {
      keep(w)
      invokeRestart("muffleWarning")
    },
    message = function(m) {
      keep(m)
      invokeRestart("muffleMessage")
    }
  )
  list(value = value, told = unique(told))
}

named <- function(x) list(names = names(x), values = as.numeric(x))

# One entry per random term, in lme4's order: its group, level number, number of groups,
# coefficient names and the places of its parameters in theta.
# The largest number of groups is the lowest level; equal numbers keep lme4's order.
term_layout <- function(cnms, flist) {
  sizes <- vapply(flist, nlevels, 1L)
  level <- order(order(-sizes)) + 1L
  factor_of <- attr(flist, "assign")
  lengths <- vapply(cnms, length, 1L)
  last <- cumsum(lengths * (lengths + 1L) / 2L)
  first <- c(1L, utils::head(last, -1L) + 1L)
  lapply(seq_along(cnms), function(i) {
    list(group = names(flist)[factor_of[i]], factor = factor_of[i], level = level[factor_of[i]],
         size = sizes[[factor_of[i]]], names = cnms[[i]], theta = first[i]:last[i])
  })
}

# theta's names as lme4 gives them: group.row.column below the diagonal, group.name on it.
theta_names <- function(layout) {
  unlist(lapply(layout, function(term) {
    q <- length(term$names)
    unlist(lapply(seq_len(q), function(j) {
      below <- seq_len(q)[seq_len(q) > j]
      c(paste(term$group, term$names[j], sep = "."),
        if (length(below)) paste(term$group, term$names[below], term$names[j], sep = "."))
    }))
  }))
}

# Lower triangular block, filled column by column.
lambda_block <- function(theta, q) {
  block <- matrix(0, q, q)
  block[lower.tri(block, diag = TRUE)] <- theta
  block
}

# Places of Lambda's diagonal in a term's theta, and in the theta of many terms.
diagonal_places <- function(q) which(diag(q)[lower.tri(diag(q), diag = TRUE)] == 1)

diagonal_thetas <- function(layout) {
  unlist(lapply(layout, function(term) term$theta[diagonal_places(length(term$names))]))
}

# Sigma = sigma^2 Lambda Lambda' of each term as rows: variances first, then covariances
# with the correlation as sdcor; the residual last.
components <- function(layout, theta, sigma) {
  rows <- lapply(layout, function(term) {
    q <- length(term$names)
    block <- lambda_block(theta[term$theta], q)
    covariance <- sigma^2 * tcrossprod(block)
    sd <- sqrt(diag(covariance))
    pairs <- which(lower.tri(covariance), arr.ind = TRUE)
    i <- c(seq_len(q), pairs[, "row"])
    j <- c(seq_len(q), pairs[, "col"])
    vcov <- covariance[cbind(i, j)]
    data.frame(
      group = term$group, level = term$level,
      var1 = term$names[j], var2 = ifelse(i == j, NA_character_, term$names[i]),
      vcov = vcov, sdcor = ifelse(i == j, sd[i], vcov / (sd[i] * sd[j])),
      stringsAsFactors = FALSE
    )
  })
  residual <- data.frame(group = "Residual", level = 1L, var1 = NA_character_,
                         var2 = NA_character_, vcov = sigma^2, sdcor = sigma,
                         stringsAsFactors = FALSE)
  table <- do.call(rbind, c(rows, list(residual)))
  as.list(table[order(c(rep(0L, nrow(table) - 1L), 1L)), ])
}

groups <- function(flist) {
  sizes <- vapply(flist, nlevels, 1L)
  sizes <- sizes[order(-sizes)]
  list(names = names(sizes), values = unname(sizes))
}

# Entries of a matrix that are not zero: row and column from zero, both triangles.
entries <- function(matrix) {
  coordinates <- as(as(matrix, "generalMatrix"), "TsparseMatrix")
  table <- Matrix::summary(coordinates)
  keep <- table$x != 0
  list(row = table$i[keep] - 1L, col = table$j[keep] - 1L, value = table$x[keep],
       shape = dim(matrix))
}

# Omega^(1/2) Z Lambda and the Cholesky factor of its cross-product plus I, its rows in their
# own order, lowest level first.
penalised_system <- function(pp, omega) {
  ZL <- Matrix::Diagonal(x = sqrt(omega)) %*% Matrix::t(pp$Lambdat %*% pp$Zt)
  inner <- Matrix::forceSymmetric(Matrix::crossprod(ZL) + Matrix::Diagonal(ncol(ZL)))
  list(ZL = ZL, factor = Matrix::Cholesky(inner, perm = FALSE, LDL = FALSE, super = FALSE))
}

# lme4 solves normal equations, which costs beta digits where X is ill-conditioned. One step of
# iterative refinement: what the penalised equations leave over at lme4's (u, beta), solved for
# once more. `left` is what remains of Omega^(1/2) y.
refined <- function(pieces, system, omega) {
  beta <- pieces$pp$beta(1)
  u <- pieces$pp$u(1)
  y <- pieces$resp$y - pieces$resp$offset
  WX <- sqrt(omega) * pieces$pp$X
  left_at <- function(beta, u) {
    sqrt(omega) * (y - as.numeric(pieces$pp$X %*% beta)) - as.numeric(system$ZL %*% u)
  }
  left <- left_at(beta, u)
  across <- Matrix::crossprod(system$ZL, WX)
  over <- Matrix::crossprod(system$ZL, left) - u
  half <- Matrix::solve(system$factor, across, system = "L")
  rest <- Matrix::solve(system$factor, over, system = "L")
  step <- as.numeric(
    pieces$pp$unsc() %*% (crossprod(WX, left) - Matrix::crossprod(half, rest))
  )
  u <- u + as.numeric(Matrix::solve(system$factor, over - across %*% step, system = "A"))
  list(beta = beta + step, left = left_at(beta + step, u))
}

check_theta <- function(theta, layout, label) {
  expected <- theta_names(layout)
  if (length(theta) != length(expected)) {
    stop(sprintf("theta `%s` must have %d values (%s), not %d", label, length(expected),
                 paste(expected, collapse = ", "), length(theta)))
  }
  theta
}

check_packages <- function(...) {
  need(...)
  TRUE
}
