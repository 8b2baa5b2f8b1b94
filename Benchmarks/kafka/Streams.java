// The queries of kafka.py as topologies of Kafka Streams: one thread, exactly once, a commit each 100 ms, a change for
// each row (no cache), state in RocksDB, JSON by Jackson's data binding.
//
//   Streams ADDRESS APPLICATION QUERY INPUT OUTPUT FOLDER [NAME=VALUE]...
//
// Further settings are those of Kafka Streams, and win; state in memory is
//   dsl.store.suppliers.class=org.apache.kafka.streams.state.BuiltInDslStoreSuppliers$InMemoryDslStoreSuppliers

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.WindowedSerdes;

public class Streams {
  private static final long WINDOW_MS = 1000;
  private static final ObjectMapper MAPPER = new ObjectMapper();

  public static class Event {
    @JsonProperty("ID")
    public long id;

    @JsonProperty("TS")
    public long ts;

    @JsonProperty("GRP")
    public String group;

    @JsonProperty("AMOUNT")
    public int amount;

    @JsonProperty("NOTE")
    public String note;
  }

  public static class Count {
    @JsonProperty("N")
    public long n;

    Count(long n) {
      this.n = n;
    }
  }

  private static <T> Serde<T> json(Class<T> type) {
    ObjectReader reader = MAPPER.readerFor(type);
    ObjectWriter writer = MAPPER.writerFor(type);
    return Serdes.serdeFrom(
        (topic, value) -> {
          try {
            return value == null ? null : writer.writeValueAsBytes(value);
          } catch (IOException error) {
            throw new SerializationException(error);
          }
        },
        (topic, bytes) -> {
          try {
            return bytes == null ? null : reader.readValue(bytes);
          } catch (IOException error) {
            throw new SerializationException(error);
          }
        });
  }

  private static StreamsBuilder topology(String query, String input, String output) {
    StreamsBuilder builder = new StreamsBuilder();
    Serde<String> text = Serdes.String();
    Serde<Event> event = json(Event.class);
    Serde<Count> count = json(Count.class);
    KStream<String, Event> events = builder.stream(input, Consumed.with(text, event));
    switch (query) {
      case "pass":
        events.to(output, Produced.with(text, event));
        break;
      case "filter":
        events.filter((key, row) -> row.amount < 500).to(output, Produced.with(text, event));
        break;
      case "count":
        events
            .groupByKey(Grouped.with(text, event))
            .count()
            .toStream()
            .mapValues(Count::new)
            .to(output, Produced.with(text, count));
        break;
      case "window":
        // As in SQL: a day for what is late.
        events
            .groupByKey(Grouped.with(text, event))
            .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMillis(WINDOW_MS), Duration.ofDays(1)))
            .count()
            .toStream()
            .mapValues(Count::new)
            .to(output, Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, WINDOW_MS), count));
        break;
      case "regroup":
        // Only what the count needs goes through the exchange.
        events
            .map((key, row) -> KeyValue.pair(row.group, 1))
            .groupByKey(Grouped.with(text, Serdes.Integer()))
            .count()
            .toStream()
            .mapValues(Count::new)
            .to(output, Produced.with(text, count));
        break;
      default:
        throw new IllegalArgumentException(query);
    }
    return builder;
  }

  public static void main(String[] arguments) {
    Properties settings = new Properties();
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[1]);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[5]);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, "100");
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, "1");
    settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, "0");
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, "1");
    settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
    // A busy machine may stand for longer than the ten seconds after which a transaction is taken as given up.
    settings.put(StreamsConfig.producerPrefix("transaction.timeout.ms"), "60000");
    // What has gone through an exchange stays, to be counted.
    settings.put(StreamsConfig.REPARTITION_PURGE_INTERVAL_MS_CONFIG, "3600000");
    for (int index = 6; index < arguments.length; index++) {
      String[] parts = arguments[index].split("=", 2);
      settings.put(parts[0], parts[1]);
    }
    KafkaStreams streams = new KafkaStreams(topology(arguments[2], arguments[3], arguments[4]).build(), settings);
    streams.setUncaughtExceptionHandler(
        error -> {
          error.printStackTrace();
          Runtime.getRuntime().halt(1);
          return null;
        });
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  streams.close(Duration.ofSeconds(30));
                  Runtime.getRuntime().halt(0);
                }));
    streams.start();
  }
}
