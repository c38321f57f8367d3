# Timed fits. Columns come as binary files; the clock is around the fit and its standard errors,
# in R: neither R's start nor the reading of data counts.

# Size that Linux gives this process, in bytes; NULL elsewhere.
memory_of <- function(field) {
  status <- "/proc/self/status"
  if (!file.exists(status)) return(NULL)
  line <- grep(paste0("^", field, ":"), readLines(status), value = TRUE)
  if (!length(line)) return(NULL)
  as.numeric(gsub("[^0-9]", "", line[1])) * 1024
}

read_columns <- function(paths, kinds, rows) {
  as_frame(Map(function(path, kind) {
    readBin(path, kind, rows, size = if (kind == "integer") 4L else 8L)
  }, paths, kinds))
}

# A fit below a tenth of a second is repeated for a while; its median counts.
timed <- function(fit, warm) {
  if (warm) fit()
  seconds <- numeric()
  repeat {
    started <- as.numeric(Sys.time())
    value <- fit()
    seconds <- c(seconds, as.numeric(Sys.time()) - started)
    if (sum(seconds) > 0.3 || seconds[1] > 0.1) break
  }
  list(seconds = stats::median(seconds), value = value)
}

bench_lme4 <- function(formula, names, paths, kinds, rows, ids, weights, warm) {
  need("lme4", "Matrix")
  suppressPackageStartupMessages(library(lme4))
  before <- memory_of("VmRSS")
  frame <- stats::setNames(read_columns(paths, kinds, rows), names)
  formula <- as_model_formula(formula)
  run <- captured(timed(function() {
    fit <- lmer(formula, data = frame, REML = FALSE)
    list(deviance = as.numeric(-2 * logLik(fit)), se = sqrt(diag(as.matrix(vcov(fit)))))
  }, warm))
  bench_answer(run, before, package_versions("lme4", "Matrix"))
}

# WeMix reads ids as text in places and as numbers in others: both orders are one for text of a
# fixed width.
bench_wemix <- function(formula, names, paths, kinds, rows, ids, weights, warm) {
  need("lme4", "Matrix", "WeMix")
  suppressPackageStartupMessages(library(lme4))
  before <- memory_of("VmRSS")
  frame <- stats::setNames(read_columns(paths, kinds, rows), names)
  for (id in ids) frame[[id]] <- factor(sprintf("%09d", frame[[id]]))
  formula <- as_model_formula(formula)
  run <- captured(timed(function() {
    fit <- do.call(WeMix::mix, list(formula, frame, weights = weights, cWeights = FALSE))
    list(deviance = -2 * as.numeric(fit$lnl), se = as.numeric(fit$SE))
  }, warm))
  bench_answer(run, before, package_versions("lme4", "Matrix", "WeMix"))
}

bench_answer <- function(run, before, versions) {
  peak <- memory_of("VmHWM")
  list(
    seconds = run$value$seconds, deviance = run$value$value$deviance,
    se = as.numeric(run$value$value$se),
    peak = if (is.null(peak) || is.null(before)) NULL else peak - before,
    messages = run$told, versions = versions
  )
}
