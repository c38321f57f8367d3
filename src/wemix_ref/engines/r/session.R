# What R runs on, as text: what else may change the last digits of an answer.
session <- function(packages) {
  about <- utils::sessionInfo()
  external <- extSoftVersion()
  here <- packages[vapply(packages, function(p) nzchar(system.file(package = p)), NA)]
  version <- function(p) as.character(utils::packageVersion(p))
  told <- c(
    R = R.version.string,
    platform = about$platform,
    running = about$running,
    BLAS = basename(external[["BLAS"]]),
    LAPACK = paste(basename(La_library()), La_version()),
    collation = Sys.getlocale("LC_COLLATE"),
    vapply(stats::setNames(here, here), version, "")
  )
  as.list(told)
}
