// Reading a topic up to where it ended a moment ago: a store that fetches from elsewhere may have
// nothing yet of what is known to be there, and that is not the end.

import Glibc
import Headrace
import HeadraceTopics

extension Connection {
  /// Records from an offset before a known end. Throws: none have come for a while.
  func readPresent(
    _ topic: String, _ partition: Int, from offset: Int64
  ) throws(ServiceError) -> TopicRead {
    let deadline = ContinuousClock.now + .seconds(30)
    while true {
      let answer = try read(topic, partition, from: offset)
      guard case .nothingYet = answer else { return answer }
      guard ContinuousClock.now < deadline else {
        throw ServiceError(
          .io,
          "error: nothing comes from partition \(partition) of topic \"\(topic)\" at offset \(offset)"
        )
      }
      usleep(5000)
    }
  }
}
