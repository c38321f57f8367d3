# `w2` is not constant within group A, so no group weight is defined there
refused <- function(data) {
  inherits(try(mix(y ~ x + (1|g), data, weights = c("w1", "w2")), silent = TRUE), "try-error")
}
larger <- transform(data, w1 = w1 * 1e5, w2 = w2 * 1e5)
answer <- c("refused" = refused(data), "refused, weights times 1e5" = refused(larger))
print(answer)
