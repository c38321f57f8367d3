# `w1` is conditional on the group, the same data's unconditional weight is w1 * w2
fit <- mix(y ~ x + (1|g), data, weights = c("w1", "w2"), cWeights = TRUE, center_grand = ~x)
same <- transform(data, w1 = w1 * w2)
unconditional <- mix(y ~ x + (1|g), same, weights = c("w1", "w2"), center_grand = ~x)
answer <- c(
  "log-likelihood" = fit$lnl, "intercept" = fit$coef[["(Intercept)"]],
  "log-likelihood, unconditional weights" = unconditional$lnl,
  "intercept, unconditional weights" = unconditional$coef[["(Intercept)"]]
)
print(answer, digits = 8)
