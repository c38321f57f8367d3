weights <- c("w1", "w2")
# the standard error of the variance of g, and that variance over it, squared, in the unit of y
told <- function(unit) {
  fit <- mix(y ~ x + (1|g), transform(data, y = y * unit), weights = weights)
  row <- fit$varDF[fit$varDF$grp == "g", ]
  c(row$SEvcov / unit^2, (row$vcov / row$SEvcov)^2)
}
large <- told(1e4)
small <- told(1e-4)
plain <- told(1)
answer <- c(
  "SE, y in units 10000 times smaller" = large[1], "SE, y in units 10000 times larger" = small[1],
  "Wald statistic, y in units 10000 times smaller" = large[2],
  "SE, y as it is" = plain[1], "Wald statistic, y as it is" = plain[2]
)
print(answer, digits = 8)
