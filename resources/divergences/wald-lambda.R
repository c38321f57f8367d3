weights <- c("w1", "w2")
fit <- mix(y ~ x + (1|g), data, weights = weights)
hundredth <- mix(y ~ x + (1|g), transform(data, y = y / 100), weights = weights)
# from the table of the same fit: estimate over standard error, squared
squared <- function(fit) with(fit$varDF[1, ], (vcov / SEvcov)^2)
answer <- c(
  "statistic" = waldTest(fit, type = "Lambda")$Wald,
  "statistic, y/100" = waldTest(hundredth, type = "Lambda")$Wald,
  "from its own table" = squared(fit), "from its own table, y/100" = squared(hundredth)
)
print(answer, digits = 8)
