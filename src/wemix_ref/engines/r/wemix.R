# Weighted fits by the package WeMix at its default control. Its object holds the likelihood
# as a function of theta (`lnlf`), which gives beta, sigma and robust covariances there. It gives
# no matrices, whatever `matrices` asks for.

fit_wemix <- function(formula, own_formula, columns, weights, conditional, center_group,
                      center_grand, thetas, matrices) {
  need("lme4", "Matrix", "WeMix")
  suppressPackageStartupMessages(library(lme4))
  frame <- as_frame(columns)
  names_wanted <- lme4::lFormula(as_model_formula(formula), frame)$reTrms
  given <- if (is.null(own_formula)) formula else own_formula
  own <- lme4::lFormula(as_model_formula(given), frame)$reTrms
  layout <- renamed_layout(own, names_wanted)
  if (!length(weights)) {
    weights <- character()
    for (i in seq_len(length(own$flist) + 1L)) {
      name <- free_name(names(frame), paste0("unit", i))
      frame[[name]] <- 1
      weights <- c(weights, name)
    }
  }
  arguments <- list(as_model_formula(given), frame, weights = weights, cWeights = conditional)
  if (length(center_group)) arguments$center_group <- lapply(center_group, one_sided)
  if (length(center_grand)) arguments$center_grand <- one_sided(center_grand)
  run <- captured(do.call(WeMix::mix, arguments))
  fit <- whole_answer(run$value)
  theta <- as.numeric(fit$theta[theta_names(term_layout(own$cnms, own$flist))])
  list(
    versions = package_versions("lme4", "Matrix", "WeMix"),
    optimum = wemix_point(fit, fit$lnl, fit$coef, fit$sigma, fit$cov_mat, theta, layout, own,
                          wemix_components(fit, layout, own)),
    at = lapply(seq_along(thetas), function(i) {
      wemix_at(fit, check_theta(thetas[[i]], layout, names(thetas)[i]), layout, own)
    }),
    messages = run$told,
    singular = any(abs(theta[diagonal_thetas(layout)]) < 1e-4),
    converged = NULL  # nothing in WeMix's object says whether its search came to an end
  )
}

# `$` takes `lnlf` for `lnl` where that is not there.
whole_answer <- function(fit) {
  wanted <- c("lnl", "lnlf", "coef", "sigma", "theta", "cov_mat", "varDF", "ngroups")
  missing <- wanted[is.na(pmatch(wanted, names(fit)))]
  if (length(missing)) {
    stop("an answer of WeMix must have ", paste(wanted, collapse = ", "), "; it lacks ",
         paste(missing, collapse = ", "))
  }
  fit
}

# `~ a + b` from names alone.
one_sided <- function(variables) {
  stats::as.formula(call("~", Reduce(function(a, b) call("+", a, b), lapply(variables, as.name))))
}

# WeMix may be given another text of the same model (`(1|sch) + (1|tch)` for `(1|sch/tch)`);
# answers carry the group names of the model's own formula.
renamed_layout <- function(own, wanted) {
  layout <- term_layout(own$cnms, own$flist)
  target <- term_layout(wanted$cnms, wanted$flist)
  shape <- function(l) lapply(l, function(term) term[c("level", "size", "names", "theta")])
  if (!identical(shape(layout), shape(target))) {
    stop("the formula for WeMix must be another text of the same model: same levels, same terms")
  }
  target
}

wemix_point <- function(fit, lnl, beta, sigma, covariance, theta, layout, own, table) {
  names(theta) <- theta_names(layout)
  covariance <- as.matrix(covariance)
  sizes <- vapply(own$flist, nlevels, 1L)
  order_up <- order(-sizes)
  by_level <- vapply(layout, `[[`, 1L, "level")
  own_names <- vapply(layout, `[[`, "", "group")[match(seq_along(sizes) + 1L, by_level)]
  list(
    theta = named(theta),
    deviance = -2 * as.numeric(lnl),
    beta = list(names = names(fit$coef), values = as.numeric(beta)),
    sigma = as.numeric(sigma),
    se_beta = sqrt(diag(covariance)),
    cov_beta = as.numeric(covariance),
    components = table,
    nobs = as.integer(fit$ngroups[[1]]),
    ngroups = list(names = own_names, values = unname(sizes[order_up]))
  )
}

wemix_at <- function(fit, theta, layout, own) {
  names(theta) <- theta_names(term_layout(own$cnms, own$flist))
  there <- fit$lnlf(theta, robustSE = TRUE)
  wemix_point(fit, there$lnl, there$b, there$sigma, there$varBetaRobust, as.numeric(theta),
              layout, own, components(layout, as.numeric(theta), there$sigma))
}

# Variances and their standard errors come from WeMix's own table, correlations from theta and
# sigma: it gives none.
wemix_components <- function(fit, layout, own) {
  theta <- as.numeric(fit$theta[theta_names(term_layout(own$cnms, own$flist))])
  table <- components(layout, theta, fit$sigma)
  theirs <- fit$varDF
  same <- function(a, b) (is.na(a) & is.na(b)) | (!is.na(a) & !is.na(b) & a == b)
  found <- vapply(seq_along(table$group), function(i) {
    level <- theirs$level == table$level[i]
    straight <- same(theirs$var1, table$var1[i]) & same(theirs$var2, table$var2[i])
    crossed <- !is.na(table$var2[i]) & same(theirs$var1, table$var2[i]) &
      same(theirs$var2, table$var1[i])
    rows <- which(level & (straight | crossed))
    if (length(rows) == 1L) rows else NA_integer_
  }, 1L)
  table$vcov <- theirs$vcov[found]
  table$se <- as.numeric(theirs$SEvcov[found])
  table
}
