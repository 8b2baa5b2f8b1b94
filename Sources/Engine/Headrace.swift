// The library: whoever uses it imports this module alone, and has the modules below with it.

@_exported public import HeadraceColumns
@_exported public import HeadraceExecutor
@_exported public import HeadraceFormats
@_exported public import HeadraceFoundations
@_exported public import HeadraceFunctions
@_exported public import HeadraceLogStorage
@_exported public import HeadracePlanner
@_exported public import HeadraceSyntax
