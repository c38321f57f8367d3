model <- "
level: 1
  y ~ x
level: 2
  y ~~ y
"
fit <- sem(model, data, cluster = "g", sampling.weights = "w1")
unweighted <- sem(model, data, cluster = "g")
value <- function(fit, name) coef(fit)[[name]]
answer <- c(
  "log-likelihood" = as.numeric(logLik(fit)), "intercept" = value(fit, "y~1.l2"),
  "slope" = value(fit, "y~x"), "log-likelihood, no weights" = as.numeric(logLik(unweighted)),
  "intercept, no weights" = value(unweighted, "y~1.l2"),
  "slope, no weights" = value(unweighted, "y~x")
)
print(answer, digits = 8)
