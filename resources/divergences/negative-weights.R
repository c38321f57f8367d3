fit <- try(mix(y ~ x + (1|g), data, weights = c("w1", "w2")), silent = TRUE)
answer <- c("refused" = inherits(fit, "try-error"))
if (!inherits(fit, "try-error")) {
  without <- mix(y ~ x + (1|g), data[data$w1 > 0, ], weights = c("w1", "w2"))
  answer <- c(answer, "log-likelihood" = fit$lnl, "log-likelihood without the row" = without$lnl)
}
print(answer, digits = 8)
