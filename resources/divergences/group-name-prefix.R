weights <- c("w1", "w2", "w3")
fit <- mix(y ~ x + (1|sch) + (1|school), data, weights = weights)
# the same data, the lower level under another name
same <- transform(data, class = sch)
renamed <- mix(y ~ x + (1|class) + (1|school), same, weights = weights)
variance <- function(fit, group) fit$varDF$vcov[fit$varDF$grp == group]
answer <- c(
  "log-likelihood" = fit$lnl, "variance of sch" = variance(fit, "sch"),
  "variance of school" = variance(fit, "school"), "log-likelihood, renamed" = renamed$lnl,
  "variance of sch, renamed" = variance(renamed, "class"),
  "variance of school, renamed" = variance(renamed, "school")
)
print(answer, digits = 8)
