# Unweighted fits (or fits with precision weights) by lme4 at its default control.

fit_lme4 <- function(formula, columns, reml, precision, thetas, matrices) {
  need("lme4", "Matrix")
  suppressPackageStartupMessages(library(lme4))
  frame <- as_frame(columns)
  formula <- as_model_formula(formula)
  call <- list(quote(lmer), formula, data = quote(frame), REML = reml)
  if (!is.null(precision)) call$weights <- as.name(precision)
  run <- captured(eval(as.call(call)))
  fit <- run$value
  layout <- term_layout(fit@cnms, getME(fit, "flist"))
  deviance_function <- eval(as.call(c(call, devFunOnly = TRUE)))
  list(
    versions = package_versions("lme4", "Matrix"),
    optimum = c(lme4_optimum(fit, reml, layout), list(optimizer = lme4_optimizer(fit))),
    at = lapply(seq_along(thetas), function(i) {
      lme4_at(deviance_function, check_theta(thetas[[i]], layout, names(thetas)[i]), reml,
              layout, fit)
    }),
    messages = unique(c(run$told, unlist(fit@optinfo$conv$lme4$messages))),
    singular = isSingular(fit),
    converged = lme4_converged(fit),
    matrices = if (matrices) lme4_matrices(fit),
    blog_v = if (matrices) v_three_ways(fit)
  )
}

lme4_optimum <- function(fit, reml, layout) {
  covariance <- as.matrix(vcov(fit))
  table <- as.data.frame(VarCorr(fit))
  term_of <- match(table$grp, names(VarCorr(fit)))
  residual <- is.na(term_of)
  residuals <- residuals(fit, type = "pearson", scaled = TRUE)
  quantiles <- stats::quantile(residuals, names = FALSE)
  group <- vapply(layout, `[[`, "", "group")
  level <- vapply(layout, `[[`, 1L, "level")
  list(
    theta = named(getME(fit, "theta")),
    deviance = if (reml) REMLcrit(fit) else as.numeric(-2 * logLik(fit)),
    beta = named(fixef(fit)),
    sigma = sigma(fit),
    se_beta = sqrt(diag(covariance)),
    cov_beta = as.numeric(covariance),
    components = list(
      group = ifelse(residual, "Residual", group[term_of]),
      level = ifelse(residual, 1L, level[term_of]),
      var1 = table$var1, var2 = table$var2, vcov = table$vcov, sdcor = table$sdcor
    ),
    nobs = nobs(fit),
    ngroups = groups(getME(fit, "flist")),
    scaled_residuals = list(names = c("min", "q1", "median", "q3", "max"), values = quantiles)
  )
}

# The optimiser ended with code 0, and lme4's own checks found nothing but a variance of zero.
lme4_converged <- function(fit) {
  conv <- fit@optinfo$conv
  complaints <- grep("singular", unlist(conv$lme4$messages), fixed = TRUE, invert = TRUE)
  isTRUE(all(conv$opt == 0)) && !length(complaints)
}

lme4_optimizer <- function(fit) {
  info <- fit@optinfo
  gradient <- info$derivs$gradient
  list(
    name = info$optimizer, evaluations = as.integer(info$feval),
    max_gradient = if (is.null(gradient)) NULL else max(abs(gradient)),
    message = info$message
  )
}

# sigma^2 = r^2 / (n - p) under REML and r^2 / n otherwise, r^2 = wrss + |u|^2.
lme4_at <- function(deviance_function, theta, reml, layout, fit) {
  deviance <- deviance_function(theta)
  pieces <- environment(deviance_function)
  n <- length(pieces$resp$y)
  p <- ncol(pieces$pp$X)
  sigma2 <- (pieces$resp$wrss() + pieces$pp$sqrL(1)) / (if (reml) n - p else n)
  covariance <- sigma2 * pieces$pp$unsc()
  names(theta) <- theta_names(layout)
  omega <- pieces$resp$weights
  system <- penalised_system(pieces$pp, omega)
  solution <- refined(pieces, system, omega)
  list(
    theta = named(theta),
    deviance = as.numeric(deviance),
    beta = list(names = names(fixef(fit)), values = as.numeric(pieces$pp$beta(1))),
    beta_refined = list(names = names(fixef(fit)), values = solution$beta),
    sigma = sqrt(sigma2),
    se_beta = sqrt(diag(covariance)),
    cov_beta = as.numeric(covariance),
    components = components(layout, theta, sqrt(sigma2)),
    nobs = n,
    ngroups = groups(getME(fit, "flist")),
    sandwich = if (!reml && all(omega == 1)) {
      sandwich(pieces, system, solution, unname(theta), sqrt(sigma2), omega,
               rep(1, ncol(system$ZL)), layout, getME(fit, "flist"))
    }
  )
}

# G = sigma^2 Lambda Lambda', V = Z G Z' + sigma^2 W^-1 with W the precision weights.
lme4_matrices <- function(fit) {
  Z <- getME(fit, "Z")
  G <- sigma(fit)^2 * Matrix::crossprod(getME(fit, "Lambdat"))
  list(Z = entries(Z), G = entries(G), V = entries(marginal_v(Z, G, fit)))
}

marginal_v <- function(Z, G, fit) {
  Z %*% G %*% Matrix::t(Z) + Matrix::Diagonal(x = sigma(fit)^2 / stats::weights(fit))
}

# V by three roads: Kronecker products of VarCorr's blocks; the cross-product of Lambda';
# and the block-diagonal of VarCorr cut into its terms and repeated for each group.
v_three_ways <- function(fit) {
  Z <- getME(fit, "Z")
  blocks <- lapply(VarCorr(fit), function(block) matrix(block, nrow(block)))
  flist <- getME(fit, "flist")
  sizes <- vapply(flist, nlevels, 1L)[attr(flist, "assign")]

  by_kronecker <- Matrix::bdiag(Map(
    function(block, size) kronecker(Matrix::Diagonal(size), block), blocks, sizes
  ))
  by_lambdat <- sigma(fit)^2 * Matrix::crossprod(getME(fit, "Lambdat"))
  stacked <- Matrix::bdiag(blocks)
  last <- cumsum(vapply(blocks, nrow, 1L))
  first <- c(0L, utils::head(last, -1L)) + 1L
  by_bdiag <- Matrix::bdiag(unlist(lapply(seq_along(blocks), function(i) {
    rep(list(stacked[first[i]:last[i], first[i]:last[i], drop = FALSE]), sizes[i])
  })))

  all_v <- lapply(list(kronecker = by_kronecker, lambdat = by_lambdat, bdiag = by_bdiag),
                  function(G) marginal_v(Z, G, fit))
  X <- getME(fit, "X")
  y <- getME(fit, "y") - getME(fit, "offset")
  list(
    ways = names(all_v),
    largest_entry = max(abs(all_v$lambdat)),
    max_difference = vapply(all_v, function(V) max(abs(V - all_v$lambdat)), 0),
    terms = names(fixef(fit)),
    gls_beta = lapply(all_v, function(V) gls(X, V, y))
  )
}

# (X' V^-1 X)^-1 X' V^-1 y
gls <- function(X, V, y) {
  solved <- Matrix::solve(Matrix::forceSymmetric(V), cbind(X, y))
  cross <- as.matrix(Matrix::crossprod(X, solved))
  p <- ncol(X)
  as.numeric(solve(cross[, seq_len(p), drop = FALSE], cross[, p + 1L]))
}
