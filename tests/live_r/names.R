# Rscript names.R data.csv "formula": what lme4 calls things, one tab-separated line each.
suppressMessages(library(lme4))
arguments <- commandArgs(TRUE)
data <- read.csv(arguments[1], stringsAsFactors = TRUE)
fit <- suppressMessages(suppressWarnings(lmer(as.formula(arguments[2]), data, REML = FALSE)))
tell <- function(kind, ...) cat(paste(kind, ..., sep = "\t"), sep = "\n")
digits <- function(x) sprintf("%.17g", x)
theta <- getME(fit, "theta")
tell("theta", names(theta), digits(theta))
tell("deviance", digits(deviance(fit)))
components <- as.data.frame(VarCorr(fit))
tell("component", components$grp, components$var1, components$var2,
     digits(components$vcov), digits(components$sdcor))
tell("ngroups", names(ngrps(fit)), ngrps(fit))
modes <- ranef(fit, condVar = FALSE)
for (group in names(modes)) {
  for (column in names(modes[[group]])) {
    tell("ranef", group, rownames(modes[[group]]), column, digits(modes[[group]][[column]]))
  }
}
tell("fitted", digits(fitted(fit)))
