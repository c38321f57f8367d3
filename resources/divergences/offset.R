weights <- c("w1", "w2")
fit <- mix(y ~ x + offset(z) + (1|g), data, weights = weights)
# the same model: the offset taken from y
moved <- mix(y_less_z ~ x + (1|g), transform(data, y_less_z = y - z), weights = weights)
answer <- c(
  "log-likelihood" = fit$lnl, "intercept" = fit$coef[["(Intercept)"]],
  "slope" = fit$coef[["x"]], "log-likelihood, y less z" = moved$lnl,
  "intercept, y less z" = moved$coef[["(Intercept)"]], "slope, y less z" = moved$coef[["x"]]
)
print(answer, digits = 8)
