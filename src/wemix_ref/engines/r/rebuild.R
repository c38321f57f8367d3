# Builds one data set from its R package or recipe and writes it as CSV.
# Arguments: recipe, path of the CSV, path of the file of versions.
# Text is quoted, numbers have the fewest of 15 to 17 digits that read back as the same number,
# missing values are empty.

used <- character()

needed <- function(package) {
  if (!nzchar(system.file(package = package))) {
    message("R package ", package, " is not installed")
    quit(status = 3)
  }
  used <<- unique(c(used, package))
  package
}

dataset <- function(name, package, file = name) {
  place <- new.env()
  utils::data(list = file, package = needed(package), envir = place)
  get(name, envir = place)
}

recipes <- list(
  sleepstudy = function() dataset("sleepstudy", "lme4"),

  dyestuff = function() dataset("Dyestuff", "lme4"),

  dyestuff2 = function() dataset("Dyestuff2", "lme4"),

  pastes = function() dataset("Pastes", "lme4")[c("strength", "batch", "cask", "sample")],

  exam = function() {
    dataset("Exam", "mlmRev")[c("school", "normexam", "standLRT")]
  },

  # The mean SES of a school is the data's own column, not the mean of the rows that are here.
  mathachieve = function() {
    pupils <- dataset("MathAchieve", "nlme")
    schools <- dataset("MathAchSchool", "nlme")
    sector <- schools$Sector[match(as.character(pupils$School), as.character(schools$School))]
    data.frame(school = pupils$School, mathach = pupils$MathAch, ses = pupils$SES,
               meanses = pupils$MEANSES, cses = pupils$SES - pupils$MEANSES, sector = sector)
  },

  egsingle = function() {
    all <- dataset("egsingle", "mlmRev")
    first <- levels(all$schoolid)[1:20]
    all[all$schoolid %in% first, c("schoolid", "childid", "year", "math", "black", "lowinc")]
  },

  star = function() {
    all <- dataset("star", "mlmRev")
    k <- all[all$gr == "K", ]
    set.seed(123)
    k[sample.int(nrow(k), round(0.2 * nrow(k))), c("id", "sch", "tch", "cltype", "sx", "read")]
  },

  apiclus2 = function() {
    api <- dataset("apiclus2", "survey", "api")
    sampled <- ave(api$snum, api$dnum, FUN = length)
    api$w2 <- 757 / 40
    api$w1 <- api$w2 * as.vector(api$fpc2) / sampled
    api[c("dnum", "snum", "stype", "api00", "ell", "meals", "mobility", "w1", "w2")]
  },

  # R's generator is named, so that no setting of a user's can change the draws.
  `three-level` = function() {
    set.seed(123, kind = "Mersenne-Twister", normal.kind = "Inversion")
    rows <- 150
    e3 <- rep_len(rep(rnorm(5), each = 15), rows)
    e2 <- rep_len(rep(rnorm(15), each = 5), rows)
    x1 <- rnorm(rows)
    e1 <- rnorm(rows)
    school <- rep(1:10, each = 15)
    data.frame(y = e3 + e2 + 0.5 * x1 + e1, sch = letters[school], tch = rep(1:30, each = 5),
               e3 = e3, e2 = e2, x1 = x1, e1 = e1, school_number = school)
  }
)

shortest <- function(x) {
  text <- character(length(x))
  present <- !is.na(x)
  values <- as.numeric(x[present])
  best <- sprintf("%.15g", values)
  for (digits in c("%.16g", "%.17g")) {
    longer <- as.numeric(best) != values
    best[longer] <- sprintf(digits, values[longer])
  }
  text[present] <- best
  text
}

field <- function(column) {
  if (is.numeric(column)) return(shortest(as.vector(column)))
  text <- paste0("\"", gsub("\"", "\"\"", as.character(column), fixed = TRUE), "\"")
  text[is.na(column)] <- ""
  text
}

arguments <- commandArgs(trailingOnly = TRUE)
stopifnot(length(arguments) == 3, arguments[1] %in% names(recipes))
table <- recipes[[arguments[1]]]()
lines <- do.call(paste, c(unname(lapply(table, field)), sep = ","))
writeLines(c(paste0("\"", names(table), "\"", collapse = ","), lines), arguments[2])

versions <- vapply(used, function(p) as.character(utils::packageVersion(p)), "")
writeLines(c(paste0("R\t", as.character(getRversion())),
             sprintf("%s\t%s", used, versions)), arguments[3])
