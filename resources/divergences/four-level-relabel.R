model <- y ~ x + (1|a) + (1|b) + (1|c)
weights <- c("w1", "w2", "w3", "w4")
fit <- mix(model, data, weights = weights)
# the same groups: ids of `b` handed out in the opposite order
labels <- sort(unique(data$b))
same <- transform(data, b = rev(labels)[match(b, labels)])
relabelled <- mix(model, same, weights = weights)
se <- function(fit) fit$varDF$SEvcov[fit$varDF$grp == "a"]
answer <- c(
  "SE of the intercept" = fit$SE[["(Intercept)"]], "SE of the variance of a" = se(fit),
  "SE of the intercept, relabelled" = relabelled$SE[["(Intercept)"]],
  "SE of the variance of a, relabelled" = se(relabelled)
)
print(answer, digits = 8)
