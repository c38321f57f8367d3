same <- data.frame(data, my.group = data$g)
fit <- mix(y ~ x + (1|my.group), same, weights = c("w1", "w2"))
answer <- c("log-likelihood" = fit$lnl, "slope" = fit$coef[["x"]])
print(answer, digits = 8)
