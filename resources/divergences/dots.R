fit <- mix(y ~ x + (I(x/0.5)|g), data, weights = c("w1", "w2"))
answer <- c(
  "log-likelihood" = fit$lnl, "slope" = fit$coef[["x"]],
  "variance of the slope" = fit$varDF$vcov[2]
)
print(answer, digits = 8)
