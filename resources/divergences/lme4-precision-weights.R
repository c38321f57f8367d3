fit <- lmer(y ~ x + (1|g), data, weights = w1, REML = FALSE)
answer <- c(
  "log-likelihood" = as.numeric(logLik(fit)), "intercept" = fixef(fit)[["(Intercept)"]],
  "residual variance" = sigma(fit)^2
)
print(answer, digits = 8)
