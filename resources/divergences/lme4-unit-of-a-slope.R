fit <- lmer(y ~ x + (x|g), data, REML = FALSE)
finer <- transform(data, x = 1e5 * x)
same <- lmer(y ~ x + (x|g), finer, REML = FALSE)
answer <- c(
  "called singular, x in its unit" = isSingular(fit),
  "called singular, x in 1e-5 of it" = isSingular(same)
)
print(answer)
