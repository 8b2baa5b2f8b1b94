// COPY ... FROM and TO files, pipes, standard input and standard output, in CSV, TSV, JSON and
// AVRO. Names, quotes and types are those of streams over files, so that COPY ... FROM reads the
// values back that COPY ... TO wrote.

import Glibc
import HeadraceFormats
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
    let file = try file(copy, orElse: "standard input") { path throws(OutsideError) in
      try copy.context.files.open(path, beneath: copy.paths.roots)
    }
    if let reader = copy.format.kind.reader() {
      return ContainerCopyReader(file, reader, copy, target)
    }
    return FileCopyReader(file, copy, target)
  }

  func writer(
    _ copy: CopyStatement, _ columns: [PlanColumn]
  ) throws(StatementFailure) -> any ConnectorWriter {
    let file = try file(copy, orElse: "standard output") { path throws(OutsideError) in
      try copy.context.files.create(path, beneath: copy.paths.roots)
    }
    let fields = columns.map { FormatField($0.name, $0.type) }
    do {
      if let writer = try copy.format.kind.writer(fields) {
        return ContainerCopyWriter(file, writer, columns: columns.count)
      }
    } catch {
      throw .engine(.io("cannot write \(file.path): \(error.message)"))
    }
    return FileCopyWriter(file, copy.format, columns)
  }

  /// The statement's file, or the standard descriptor, by its name, where it has none.
  private func file(
    _ copy: CopyStatement, orElse standard: String,
    _ open: (String) throws(OutsideError) -> any OutsideFile
  ) throws(StatementFailure) -> any OutsideFile {
    let file: any OutsideFile
    if let place = copy.place {
      let path = copy.paths.resolve(place.value)
      file = try copy.paths.outside(place.value, place.span) { () throws(OutsideError) in
        try open(path)
      }
    } else {
      file = DescriptorFile(standard, dup(copy.standard))
    }
    file.endWaiting(when: copy.isCancelled)
    return file
  }
}
