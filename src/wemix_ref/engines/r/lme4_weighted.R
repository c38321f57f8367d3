# The weighted fit from lme4's own pieces. Prior weights omega enter lme4 as they are; each
# row of Z' is divided by the square root of its group's psi, so that |v|^2 of the spherical
# effects carries the weight. All weights are unconditional.

fit_lme4_weighted <- function(formula, columns, weights, thetas, matrices) {
  need("lme4", "Matrix", "minqa")
  suppressPackageStartupMessages(library(lme4))
  frame <- as_frame(columns)
  model <- weighted_model(as_model_formula(formula), frame, weights)
  found <- captured(minimise(model))
  optimum <- model$at(found$value$theta)
  optimum$beta_refined <- NULL  # refinement is for equal theta, not for where the search stopped
  optimum$optimizer <- found$value$optimizer
  list(
    versions = package_versions("lme4", "Matrix", "minqa"),
    optimum = optimum,
    at = lapply(seq_along(thetas), function(i) {
      model$at(check_theta(thetas[[i]], model$layout, names(thetas)[i]), robust = TRUE)
    }),
    messages = found$told,
    singular = any(found$value$theta[model$lower == 0] < 1e-4),
    converged = found$value$converged,
    matrices = if (matrices) model$matrices(found$value$theta)
  )
}

# A model holds functions of theta: `deviance(theta)`, `at(theta)` and `matrices(theta)`.
weighted_model <- function(formula, frame, weights) {
  omega_name <- free_name(names(frame), "omega")
  n_rows <- nrow(frame)
  weights <- if (length(weights)) weights else NULL
  check_weights(weights, stats::complete.cases(frame))
  frame[[omega_name]] <- if (is.null(weights)) rep(1, n_rows) else weights[[1]]
  # The weight's name is no string of a user: `free_name` made it.
  parsed <- eval(as.call(list(
    quote(lme4::lFormula), formula, data = quote(frame), REML = FALSE,
    weights = as.name(omega_name)
  )))
  trms <- parsed$reTrms
  layout <- term_layout(trms$cnms, trms$flist)
  dropped <- attr(parsed$fr, "na.action")
  kept <- if (is.null(dropped)) seq_len(n_rows) else seq_len(n_rows)[-dropped]
  omega <- frame[[omega_name]][kept]
  psi <- psi_of_columns(layout, trms$flist, weights, kept)

  unscaled <- trms
  trms$Zt <- Matrix::Diagonal(x = 1 / sqrt(psi)) %*% trms$Zt
  deviance_function <- lme4::mkLmerDevfun(
    fr = parsed$fr, X = parsed$X, reTrms = trms, REML = FALSE
  )
  pieces <- environment(deviance_function)
  total <- sum(omega)

  # D = 2 sum psi log L + W (1 + log(2 pi r^2 / W)), L the Cholesky factor of
  # Lambda' Z' Omega Z Lambda + I with its rows in their own order, lowest level first.
  solve_at <- function(theta) {
    deviance_function(theta)
    r2 <- pieces$resp$wrss() + pieces$pp$sqrL(1)
    system <- penalised_system(pieces$pp, omega)
    root <- Matrix::diag(as(system$factor, "CsparseMatrix"))
    list(
      r2 = r2, system = system,
      deviance = 2 * sum(psi * log(root)) + total * (1 + log(2 * pi * r2 / total))
    )
  }
  at <- function(theta, robust = FALSE) {
    solved <- solve_at(theta)
    sigma2 <- solved$r2 / total
    covariance <- sigma2 * pieces$pp$unsc()
    solution <- refined(pieces, solved$system, omega)
    names(theta) <- theta_names(layout)
    list(
      theta = named(theta),
      deviance = solved$deviance,
      beta = list(names = colnames(parsed$X), values = as.numeric(pieces$pp$beta(1))),
      beta_refined = list(names = colnames(parsed$X), values = solution$beta),
      sigma = sqrt(sigma2),
      se_beta = sqrt(diag(covariance)),
      cov_beta = as.numeric(covariance),
      components = components(layout, theta, sqrt(sigma2)),
      nobs = nrow(parsed$X),
      ngroups = groups(trms$flist),
      sandwich = if (robust) {
        sandwich(pieces, solved$system, solution, unname(theta), sqrt(sigma2), omega, psi,
                 layout, trms$flist)
      }
    )
  }
  matrices <- function(theta) {
    sigma2 <- solve_at(theta)$r2 / total
    Z <- Matrix::t(unscaled$Zt)
    G <- sigma2 * Matrix::crossprod(pieces$pp$Lambdat)
    V <- Z %*% G %*% Matrix::t(Z) + Matrix::Diagonal(nrow(Z), sigma2)
    list(Z = entries(Z), G = entries(G), V = entries(V))
  }
  list(layout = layout, start = trms$theta, lower = trms$lower, at = at, matrices = matrices,
       deviance = function(theta) solve_at(theta)$deviance)
}

# lme4 would drop a row for its missing weight; here that is an error, as in the estimator.
check_weights <- function(weights, complete) {
  for (level in seq_along(weights)) {
    values <- weights[[level]][complete]
    wrong <- which(!is.finite(values) | values <= 0)
    if (length(wrong)) {
      stop(sprintf("level-%d weights must be positive and finite; %d of %d are not (first: row %d)",
                   level, length(wrong), length(values), which(complete)[wrong[1]]))
    }
  }
}

# psi of each row of Z': within a term all coefficients of the first group, then of the second.
psi_of_columns <- function(layout, flist, weights, kept) {
  levels_here <- max(vapply(layout, `[[`, 1L, "level"))
  if (!is.null(weights) && length(weights) != levels_here) {
    stop(sprintf("a model with %d levels needs %d weights, not %d", levels_here, levels_here,
                 length(weights)))
  }
  unlist(lapply(layout, function(term) {
    if (is.null(weights)) return(rep(1, term$size * length(term$names)))
    group <- as.integer(flist[[term$factor]])
    values <- weights[[term$level]][kept]
    one <- values[match(seq_len(term$size), group)]
    varying <- unique(group[abs(values / one[group] - 1) > 1e-8])
    if (length(varying)) {
      stop(sprintf("level-%d weights must be constant within %s; they vary in %d groups (first: %s)",
                   term$level, term$group, length(varying),
                   levels(flist[[term$factor]])[varying[1]]))
    }
    rep(one, each = length(term$names))
  }))
}

# bobyqa's settings: its radius first and last, and its evaluations.
refining <- list(rhobeg = 1e-2, rhoend = 1e-9, maxfun = 10000L)

# lme4's default optimiser; where it leaves a gradient, bobyqa goes on from there.
# The gradient counts where theta is free to move: off its bound, or pulling away from it.
minimise <- function(model) {
  first <- lme4::nloptwrap(model$start, model$deviance, lower = model$lower,
                           upper = rep(Inf, length(model$start)))
  theta <- first$par
  used <- "nloptwrap"
  evaluations <- first$feval
  code <- first$conv
  slope <- free_gradient(model, theta)
  if (slope > 1e-8 * max(1, abs(first$fval))) {
    second <- minqa::bobyqa(theta, model$deviance, lower = model$lower,
                            control = refining)
    evaluations <- evaluations + second$feval
    used <- "nloptwrap, then bobyqa"
    if (second$fval <= first$fval) {
      theta <- second$par
      code <- second$ierr
    }
    slope <- free_gradient(model, theta)
  }
  list(
    theta = theta,
    converged = code == 0 && slope < 2e-3,  # lme4's own limit of a gradient
    optimizer = list(name = used, evaluations = as.integer(evaluations), max_gradient = slope)
  )
}

free_gradient <- function(model, theta) {
  step <- 1e-4
  slopes <- vapply(seq_along(theta), function(i) {
    up <- down <- theta
    up[i] <- theta[i] + step
    down[i] <- max(theta[i] - step, model$lower[i])
    slope <- (model$deviance(up) - model$deviance(down)) / (up[i] - down[i])
    if (theta[i] - model$lower[i] < step) min(slope, 0) else slope
  }, 0)
  max(abs(slopes))
}
