fit <- lmer(y ~ x + (1|a/b), data, REML = FALSE)
# the same groups, under names without a colon
same <- transform(data, a = match(a, unique(a)), b = match(b, unique(b)))
renamed <- lmer(y ~ x + (1|a/b), same, REML = FALSE)
answer <- c(
  "groups of b in a" = ngrps(fit)[["b:a"]], "log-likelihood" = as.numeric(logLik(fit)),
  "groups of b in a, renamed" = ngrps(renamed)[["b:a"]],
  "log-likelihood, renamed" = as.numeric(logLik(renamed))
)
print(answer, digits = 8)
