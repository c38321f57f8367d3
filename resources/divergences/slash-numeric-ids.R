weights <- c("w1", "w2", "w3")
fit <- mix(y ~ x + (1|sch/tch), data, weights = weights)
# the same data, ids as text of equal width
same <- transform(data, sch = sprintf("s%02d", sch), tch = sprintf("t%02d", tch))
relabelled <- mix(y ~ x + (1|sch/tch), same, weights = weights)
answer <- c(
  "log-likelihood" = fit$lnl, "intercept" = fit$coef[["(Intercept)"]],
  "log-likelihood, relabelled" = relabelled$lnl,
  "intercept, relabelled" = relabelled$coef[["(Intercept)"]]
)
print(answer, digits = 8)
