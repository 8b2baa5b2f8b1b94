// Tokens: a kind, a keyword if the word is one, and a place. Texts are cut out on demand.

enum TokenKind: String, Sendable {
  case word = "an identifier"
  case quotedIdentifier = "a quoted identifier"
  case digitIdentifier = "a digit identifier"
  /// `${name}`.
  case variable = "a variable"
  /// `:name`, `:'name'` or `:"name"`, which only stand where variables are replaced.
  case parameter = "a parameter"
  case stringLiteral = "a string"
  case integerLiteral = "an integer"
  case decimalLiteral = "a decimal number"
  case floatingLiteral = "a floating-point number"
  case leftParen = "("
  case rightParen = ")"
  case leftBracket = "["
  case rightBracket = "]"
  case comma = ","
  case dot = "."
  case semicolon = ";"
  case equal = "="
  case notEqual = "<>"
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="
  case plus = "+"
  case minus = "-"
  case star = "*"
  case slash = "/"
  case percent = "%"
  case concat = "||"
  case assign = ":="
  case arrow = "->"
  case fatArrow = "=>"
  /// The end of the text or, for the parser of one statement, its semicolon.
  case endOfStatement = "the end of the statement"
  // Not tokens, but what an error message may call for.
  case expression = "an expression"
  case lambda = "a lambda"
  case unit = "a unit of time"
  /// Something that a diagnostic has already been made for.
  case invalid = "an invalid token"
}

struct Token: Sendable {
  var kind: TokenKind
  var keyword: Keyword?
  var start: Int32
  var end: Int32

  var span: Span { Span(start: start, end: end) }

  /// True if the token may be a name: any word that is not reserved, or anything quoted.
  var isIdentifier: Bool {
    switch kind {
    case .word: keyword.map { !$0.isReserved } ?? true
    case .quotedIdentifier, .variable: true
    default: false
    }
  }
}
