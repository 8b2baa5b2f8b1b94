// How the records of a source are laid out, for whoever decodes or encodes them.

public import HeadraceFormats
import HeadraceFoundations
public import HeadracePlanner

extension SourceDefinition {
  /// `columns`: how many the side has. `schemas`: the registry that its formats may need.
  public func layout(
    _ side: RecordSide, columns: Int, _ schemas: any SchemaRegistry
  ) -> FormatLayout {
    var subject = SchemaSubject(schemas, side, topic: topic, source: name)
    subject.written = writtenSchemas[side]
    return FormatLayout(side == .key ? keyFormat : valueFormat, columns: columns, subject)
  }
}
