# Writes a data set that an R package carries as CSV. Arguments: package, data set, path.
# Text is quoted, numbers have 17 digits that read back as the same number, missing is empty.

given <- commandArgs(trailingOnly = TRUE)
if (!nzchar(system.file(package = given[1]))) {
  message("R package ", given[1], " is not installed")
  quit(status = 3)
}
place <- new.env()
utils::data(list = given[2], package = given[1], envir = place)
table <- as.data.frame(get(given[2], envir = place))
for (name in names(table)) {
  column <- table[[name]]
  table[[name]] <- if (is.numeric(column)) {
    text <- formatC(as.double(column), digits = 17, format = "g", width = 1)
    ifelse(is.na(column), "", text)
  } else {
    as.character(column)
  }
}
quoted <- which(!vapply(place[[given[2]]], is.numeric, logical(1)))
utils::write.table(
  table, given[3], sep = ",", quote = quoted, row.names = FALSE, col.names = TRUE,
  qmethod = "double", na = "", fileEncoding = "UTF-8"
)
