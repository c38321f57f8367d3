weights <- c("w1", "w2")
fit <- mix(y ~ x + (1|g), data, weights = weights)
sorted <- data[order(data$g), ]
same <- mix(y ~ x + (1|g), sorted, weights = weights)
by_row <- setNames(same$resid, rownames(sorted))
answer <- c(
  "residual named 1" = fit$resid[["1"]], "residual named 2" = fit$resid[["2"]],
  "residual of row 1, rows sorted" = by_row[["1"]],
  "residual of row 2, rows sorted" = by_row[["2"]]
)
print(answer, digits = 8)
