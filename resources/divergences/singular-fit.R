told <- character()
fit <- withCallingHandlers(
  mix(y ~ x + (1|g), data, weights = c("w1", "w2")),
  warning = function(w) told <<- c(told, conditionMessage(w)),
  message = function(m) told <<- c(told, conditionMessage(m))
)
told <- c(told, capture.output(print(summary(fit))), names(fit))
answer <- c(
  "called singular" = any(grepl("singular|boundary", told, ignore.case = TRUE)),
  "variance of g" = fit$varDF$vcov[1], "its SE" = fit$varDF$SEvcov[1]
)
print(answer, digits = 3)
