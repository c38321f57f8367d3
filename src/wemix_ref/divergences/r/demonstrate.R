# Run the script of one divergence on its data and take up what it puts into `answer`.

demonstrate <- function(script, csv, packages) {
  do.call(need, as.list(packages))
  for (package in packages) {
    suppressWarnings(suppressPackageStartupMessages(library(package, character.only = TRUE)))
  }
  place <- new.env(parent = globalenv())
  place$data <- utils::read.csv(text = csv)
  error <- ""
  told <- captured({
    printed <- utils::capture.output(
      tryCatch(sys.source(script, envir = place), error = function(e) error <<- conditionMessage(e))
    )
  })$told
  answer <- if (exists("answer", place, inherits = FALSE)) unlist(place$answer)
  list(
    versions = do.call(package_versions, as.list(packages)),
    collation = Sys.getlocale("LC_COLLATE"),
    printed = printed, told = told, error = error,
    names = as.character(names(answer)), values = as.numeric(answer)
  )
}
