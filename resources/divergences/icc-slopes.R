weights <- c("w1", "w2")
fit <- mix(y ~ x + (x|g), data, weights = weights)
tenfold <- mix(y ~ x10 + (x10|g), transform(data, x10 = 10 * x), weights = weights)
# from the variances of the same fit: two responses of one group, both where x is 0
at_zero <- function(fit) {
  table <- fit$varDF
  intercept <- table$vcov[table$grp == "g" & table$var1 %in% "(Intercept)" & is.na(table$var2)]
  intercept / (intercept + table$vcov[table$grp == "Residual"])
}
answer <- c(
  "ICC" = fit$ICC, "ICC, 10 x" = tenfold$ICC, "from its own variances" = at_zero(fit),
  "from its own variances, 10 x" = at_zero(tenfold)
)
print(answer, digits = 8)
