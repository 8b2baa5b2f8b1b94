// COPY ... FROM and TO files, pipes, standard input and standard output, in CSV, TSV and JSON. Names, quotes and types are
// those of streams over files, so that COPY ... FROM reads the values back that COPY ... TO wrote.

import Glibc
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics

struct FileCopy: CopyConnector {
  let kind = ConnectorTraits("COPY", noun: "file", role: .copy)

  func handles(_ place: String?) -> Bool { true }

  func reader(
    _ copy: CopyStatement, _ target: CopyColumns
  ) throws(StatementFailure) -> any CopyReader {
    let file: any OutsideFile
    if let place = copy.place {
      let path = copy.paths.resolve(place.value)
      file = try copy.paths.outside(place.value, place.span) { () throws(OutsideError) in
        try copy.context.files.open(path, beneath: copy.paths.roots)
      }
    } else {
      file = DescriptorFile("standard input", dup(copy.standard))
    }
    return FileCopyReader(file, copy, target)
  }

  func writer(
    _ copy: CopyStatement, _ columns: [PlanColumn]
  ) throws(StatementFailure) -> any ConnectorWriter {
    let file: any OutsideFile
    if let place = copy.place {
      let path = copy.paths.resolve(place.value)
      file = try copy.paths.outside(place.value, place.span) { () throws(OutsideError) in
        try copy.context.files.create(path, beneath: copy.paths.roots)
      }
    } else {
      file = DescriptorFile("standard output", dup(copy.standard))
    }
    return FileCopyWriter(file, copy.format, columns)
  }
}
