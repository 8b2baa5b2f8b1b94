// What of the way to Kafka needs no broker: properties, names, shares.

import HeadraceFoundations
import HeadraceTopics
import Testing

@testable import HeadraceKafkaTopics

@Suite struct KafkaUnitTests {
  @Test func propertiesAreRead() throws {
    var settings = KafkaSettings(address: "a:1,b:2")
    try settings.read(
      "# comment\n! comment\r\n\n  sasl.username = me \r\nsasl.password=a=b # c\n"
        + "headrace.replicas=3\nheadrace.topic.prefix=dev-\n", file: "f")
    #expect(settings.properties["sasl.username"] == "me")
    #expect(settings.properties["sasl.password"] == "a=b # c")
    #expect(settings.properties["bootstrap.servers"] == "a:1,b:2")
    #expect(settings.replicas == 3)
    #expect(settings.prefix == "dev-")
  }

  @Test(arguments: [
    ("no equals sign", "line 1"), ("x=1\ntransactional.id=secret", "property transactional.id"),
    ("acks=secret", "property acks"), ("headrace.replicas=secret", "property headrace.replicas"),
    ("headrace.topic.prefix=_secret", "property headrace.topic.prefix"),
    ("isolation.level=secret", "property isolation.level"), ("debug=secret", "property debug"),
  ])
  func propertiesAreRefused(_ text: String, _ operation: String) {
    var settings = KafkaSettings(address: "a:1")
    do throws(StorageError) {
      try settings.read(text, file: "props")
      Issue.record("\(text) was taken")
    } catch {
      #expect(error.kind == .invalidArgument)
      #expect(error.operation == operation)
      #expect(!"\(error)".contains("secret"))
      #expect("\(error)".contains("props"))
    }
  }

  @Test func aRefusedValueIsNotTold() throws {
    var settings = KafkaSettings(address: "a:1")
    try settings.read("security.protocol=my-secret-value", file: "props")
    do throws(StorageError) {
      _ = try KafkaTopics(settings, KafkaProcess(service: nil, name: "test"))
      Issue.record("the value was taken")
    } catch {
      #expect(error.kind == .invalidArgument)
      #expect("\(error)".contains("security.protocol"))
      #expect(!"\(error)".contains("my-secret-value"))
    }
  }

  @Test func namesGoOutAndComeBack() {
    let names = KafkaNames(service: "shop", prefix: "dev-")
    let own = "_headrace-CTAS_X_0-store-changelog"
    #expect(names.outside(own) == "_headrace_shop_CTAS_X_0-store-changelog")
    for name in ["orders", own, "__consumer_offsets"] {
      #expect(names.inside(names.outside(name)) == name)
    }
    #expect(names.outside("orders") == "dev-orders")
    // Another prefix, another service, and one whose name begins like ours.
    for name in ["orders", "_headrace_other_positions", "_headrace_shopping_positions"] {
      #expect(names.inside(name) == nil)
    }
    let guest = KafkaNames(service: nil, prefix: "")
    #expect(guest.inside("_headrace_shop_positions") == "_headrace_shop_positions")
    #expect(guest.isInternal("_headrace_shop_positions"))
  }

  @Test(arguments: [
    ("shop", true), ("a.b-c", true), ("a_b", false), ("", false), ("ü", false), ("a b", false),
    (String(repeating: "x", count: 81), false),
  ])
  func servicesHaveLegalNames(_ name: String, _ isLegal: Bool) {
    #expect(KafkaProcess.isLegal(service: name) == isLegal)
  }

  @Test func sharesAreParsed() {
    #expect(FixedShare("0/1") != nil)
    #expect(FixedShare("3/4")?.count == 4)
    for text in ["4/4", "-1/4", "1", "1/2/3", "a/b", "", "0/0", "1/ 2"] {
      #expect(FixedShare(text) == nil, "\(text)")
    }
  }

  /// Each partition has one owner, and equal partitions of topics have the same one.
  @Test func fixedSharesCoverAll() {
    for count in 1...7 {
      let shares = (0..<count).compactMap { FixedShare("\($0)/\(count)") }.map {
        FixedAssignment($0)
      }
      let owned = shares.map { $0.owned("a", partitions: 12) }
      #expect(owned.reduce(0) { $0 + $1.count } == 12)
      #expect(Set(owned.joined()) == Set(0..<12))
    }
  }

  /// Kafka's range assignor gives each of N members a run of shares: with as many members as a topic has partitions, or
  /// half as many, each gets as many of them.
  @Test(arguments: [1, 2, 4, 8, 16, 32, 64])
  func rangesOfSharesAreEvenOverFewPartitions(_ members: Int) {
    let size = GroupAssignment.sharesMax / members
    for partitions in [members, 2 * members, 4 * members] {
      var counts = Array(repeating: 0, count: members)
      for partition in 0..<partitions { counts[GroupAssignment.share(partition) / size] += 1 }
      #expect(Set(counts).count == 1, "\(members) members, \(partitions) partitions: \(counts)")
    }
  }

  /// Whatever the number of members, no one has much more than another.
  @Test func oddNumbersOfMembersAreNearlyEven() {
    for members in 3...9 {
      let shares = GroupAssignment.sharesMax
      var owner: [Int] = []
      for member in 0..<members {
        let size = shares / members + (member < shares % members ? 1 : 0)
        owner += Array(repeating: member, count: size)
      }
      for partitions in [16, 24, 32, 64] {
        var counts = Array(repeating: 0, count: members)
        for partition in 0..<partitions { counts[owner[GroupAssignment.share(partition)]] += 1 }
        #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= partitions / members / 2 + 1)
      }
    }
  }
}
