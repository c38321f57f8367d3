fit <- mix(y ~ x + (1|a/b/c), data, weights = c("w1", "w2", "w3", "w4"))
var <- function(name) fit$varDF$vcov[startsWith(fit$varDF$grp, name)]
answer <- c(
  "log-likelihood" = fit$lnl, "intercept" = fit$coef[["(Intercept)"]],
  "variance of a" = var("a"), "residual variance" = var("Residual")
)
print(answer, digits = 8)
