// Functions that only the suite's own tests know, made through the public function API.

import Columns
import Functions

func addSuiteFunctions(_ registry: inout FunctionRegistry) {}
