# Call one function with a list of arguments; an error becomes an answer.
run_safely <- function(name, arguments) {
  tryCatch(
    list(status = "ok", message = "", value = do.call(name, arguments)),
    missing_package = function(e) {
      list(status = "unavailable", message = conditionMessage(e), value = NULL)
    },
    error = function(e) list(status = "failed", message = conditionMessage(e), value = NULL)
  )
}

# Loaded once for all calls; a package that is not there is told of by the call that needs it.
load_packages <- function(packages) {
  for (package in packages) suppressWarnings(requireNamespace(package, quietly = TRUE))
}
