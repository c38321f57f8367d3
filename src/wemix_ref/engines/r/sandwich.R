# Cluster-robust covariances from lme4's pieces: clusters are the groups of the top level, K of
# them. A cluster's share of the log-likelihood at (beta, theta, sigma) is
#   l_k = -sum psi log L - W_k/2 log(2 pi sigma^2) - q_k / (2 sigma^2),
# q_k = |Omega^(1/2) (y - X beta - Z u)|^2 + |v|^2 over the cluster's rows and effects, with its
# smallest v; L and v as in `penalised_system`. Each covariance is
# K/(K-1) H^-1 (sum_k s_k s_k') H^-1, s_k the derivative of l_k and H minus the second derivative
# of their sum: for beta exact, for the (theta, sigma) of a level by differences.

# Cluster of each row, and of each column of Z.
clusters <- function(layout, flist) {
  levels_here <- vapply(layout, `[[`, 1L, "level")
  top <- flist[[layout[[which.max(levels_here)]]$factor]]
  rows <- as.integer(top)
  columns <- unlist(lapply(layout, function(term) {
    group <- as.integer(flist[[term$factor]])
    rep(rows[match(seq_len(term$size), group)], each = length(term$names))
  }))
  list(rows = rows, columns = columns, K = nlevels(top))
}

sums <- function(x, group) unname(rowsum(x, group))

# A covariance that cannot be had is NA, with a message; the fit stands without it.
sandwich <- function(pieces, system, solution, theta, sigma, omega, psi, layout, flist) {
  cluster <- clusters(layout, flist)
  p <- ncol(pieces$pp$X)
  if (cluster$K < 2) {
    return(list(se_beta = rep(NA_real_, p), cov_beta = rep(NA_real_, p^2),
                se_variance = rep(NA_real_, length(components(layout, theta, sigma)$vcov)),
                message = "a sandwich needs two groups of the top level; there is one"))
  }
  scores <- sums(sqrt(omega) * pieces$pp$X * solution$left, cluster$rows)
  half <- scores %*% pieces$pp$unsc()
  errors <- variance_errors(pieces, solution$beta, theta, sigma, omega, psi, layout, cluster)
  pieces$pp$setTheta(theta)
  covariance <- cluster$K / (cluster$K - 1) * crossprod(half)
  list(se_beta = sqrt(diag(covariance)), cov_beta = as.numeric(covariance),
       se_variance = errors$values, message = errors$message)
}

# Standard errors in the order of `components`; NA for a level with a zero on Lambda's diagonal,
# or whose second derivatives have no inverse.
variance_errors <- function(pieces, beta, theta, sigma, omega, psi, layout, cluster) {
  shares <- function(at) shares_at(pieces, at, beta, omega, psi, cluster)
  centre <- shares(theta)
  steps <- steps_of(pieces, theta, omega, layout)
  levels_here <- vapply(layout, `[[`, 1L, "level")
  told <- character()
  covariances <- lapply(sort(unique(levels_here)), function(level) {
    mine <- unlist(lapply(layout[levels_here == level], `[[`, "theta"))
    if (any(abs(theta[diagonal_thetas(layout[levels_here == level])]) < 1e-4)) return(NULL)
    value <- tryCatch(
      level_covariance(shares, centre, theta, steps, mine, sigma, omega, cluster),
      error = function(e) {
        told <<- c(told, sprintf("no sandwich of level %d: %s", level, conditionMessage(e)))
        NULL
      }
    )
    if (is.null(value)) NULL else list(theta = mine, value = value)
  })
  names(covariances) <- sort(unique(levels_here))
  error_of <- function(level, gradient) {
    found <- covariances[[as.character(level)]]
    if (is.null(found)) return(NA_real_)
    gradient <- gradient[c(found$theta, length(theta) + 1L)]
    sqrt(sum(gradient * (found$value %*% gradient)))
  }
  terms <- lapply(layout, function(term) {
    gradients <- sigma_gradients(term, theta, sigma)
    apply(gradients, 1L, function(gradient) error_of(term$level, gradient))
  })
  values <- c(unlist(terms), error_of(2L, c(numeric(length(theta)), 2 * sigma)))
  list(values = ifelse(is.finite(values), values, NA_real_), message = paste(told, collapse = "; "))
}

# Covariance of one level's (theta, sigma).
level_covariance <- function(shares, centre, theta, steps, mine, sigma, omega, cluster) {
  found <- differences(shares, centre, theta, steps, mine)
  m <- length(mine)
  score <- function(part) -part[, 1L] - part[, 2L] / (2 * sigma^2)
  by_theta <- vapply(found$first, score, numeric(cluster$K))
  by_sigma <- -sums(omega, cluster$rows) / sigma + centre[, 2L] / sigma^3
  H <- matrix(0, m + 1L, m + 1L)
  for (i in seq_len(m)) {
    for (j in seq_len(m)) H[i, j] <- -score(matrix(found$second[i, j, ], 1L))
    H[i, m + 1L] <- H[m + 1L, i] <- -sum(found$first[[i]][, 2L]) / sigma^3
  }
  H[m + 1L, m + 1L] <- 3 * sum(centre[, 2L]) / sigma^4 - sum(omega) / sigma^2
  half <- cbind(by_theta, by_sigma) %*% solve(H)
  cluster$K / (cluster$K - 1) * crossprod(half)
}

# By cluster: sum psi log L, and q_k.
shares_at <- function(pieces, theta, beta, omega, psi, cluster) {
  pieces$pp$setTheta(theta)
  system <- penalised_system(pieces$pp, omega)
  y <- pieces$resp$y - pieces$resp$offset
  left <- sqrt(omega) * (y - as.numeric(pieces$pp$X %*% beta))
  v <- as.numeric(Matrix::solve(system$factor, Matrix::crossprod(system$ZL, left), system = "A"))
  rest <- left - as.numeric(system$ZL %*% v)
  root <- Matrix::diag(as(system$factor, "CsparseMatrix"))
  cbind(sums(psi * log(root), cluster$columns),
        sums(rest^2, cluster$rows) + sums(v^2, cluster$columns))
}

# A hundredth of the distance at which log(1 + theta^2 z'Omega z) stops being a power series; of
# an element below the diagonal its row's length takes the place of theta.
steps_of <- function(pieces, theta, omega, layout) {
  lengths <- Matrix::rowSums(Matrix::t(sqrt(omega) * Matrix::t(pieces$pp$Zt))^2)
  start <- 0L
  steps <- numeric(length(theta))
  for (term in layout) {
    q <- length(term$names)
    block <- lambda_block(theta[term$theta], q)
    largest <- apply(matrix(lengths[start + seq_len(q * term$size)], q), 1L, max)
    places <- which(lower.tri(block, diag = TRUE), arr.ind = TRUE)
    own <- ifelse(places[, 1L] == places[, 2L], diag(block)[places[, 1L]]^2,
                  rowSums(block^2)[places[, 1L]])
    steps[term$theta] <- 0.01 * sqrt(own + 1 / largest[places[, 1L]])
    start <- start + q * term$size
  }
  steps
}

# First derivatives of the shares (a list of matrices) and second ones of their sums, central,
# from steps h, 2h and 4h extrapolated to zero (Richardson).
differences <- function(shares, centre, theta, steps, mine) {
  moved <- function(i, j, a, b) {
    at <- theta
    at[i] <- at[i] + a * steps[i]
    at[j] <- at[j] + b * steps[j]
    shares(at)
  }
  extrapolated <- function(at_step) {
    d <- lapply(c(1, 2, 4), at_step)
    (16 * (4 * d[[1L]] - d[[2L]]) / 3 - (4 * d[[2L]] - d[[3L]]) / 3) / 15
  }
  m <- length(mine)
  second <- array(0, c(m, m, 2L))
  first <- vector("list", m)
  for (i in seq_len(m)) {
    h <- steps[mine[i]]
    sides <- lapply(c(1, 2, 4), function(s) {
      list(moved(mine[i], mine[i], s, 0), moved(mine[i], mine[i], -s, 0), s * h)
    })
    names(sides) <- c(1, 2, 4)
    first[[i]] <- extrapolated(function(s) {
      side <- sides[[as.character(s)]]
      (side[[1L]] - side[[2L]]) / (2 * side[[3L]])
    })
    second[i, i, ] <- extrapolated(function(s) {
      side <- sides[[as.character(s)]]
      colSums((side[[1L]] - centre) + (side[[2L]] - centre)) / side[[3L]]^2
    })
    for (j in seq_len(i - 1L)) {
      mixed <- extrapolated(function(s) {
        corner <- function(a, b) moved(mine[i], mine[j], a * s, b * s)
        both <- (corner(1, 1) - corner(1, -1)) - (corner(-1, 1) - corner(-1, -1))
        colSums(both) / (4 * s^2 * h * steps[mine[j]])
      })
      second[i, j, ] <- second[j, i, ] <- mixed
    }
  }
  list(first = first, second = second)
}

# Derivatives of a term's Sigma = sigma^2 Lambda Lambda' in (theta, sigma), its variances first.
sigma_gradients <- function(term, theta, sigma) {
  q <- length(term$names)
  block <- lambda_block(theta[term$theta], q)
  pairs <- rbind(cbind(seq_len(q), seq_len(q)),
                 which(lower.tri(block), arr.ind = TRUE))
  places <- which(lower.tri(block, diag = TRUE), arr.ind = TRUE)
  gradients <- matrix(0, nrow(pairs), length(theta) + 1L)
  for (i in seq_len(nrow(places))) {
    unit <- matrix(0, q, q)
    unit[places[i, , drop = FALSE]] <- 1
    change <- sigma^2 * (tcrossprod(unit, block) + tcrossprod(block, unit))
    gradients[, term$theta[i]] <- change[pairs]
  }
  gradients[, length(theta) + 1L] <- 2 * sigma * tcrossprod(block)[pairs]
  gradients
}
