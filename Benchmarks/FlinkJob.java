// Runs the statements of a file, each ended by a semicolon at the end of its line, as one streaming job of Flink's
// Table API in a cluster inside this process. Arguments: the file, the number of slots.

import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.TableResult;

public class FlinkJob {
  public static void main(String[] arguments) throws Exception {
    Configuration settings = new Configuration();
    settings.setString("parallelism.default", arguments[1]);
    settings.setString("taskmanager.numberOfTaskSlots", arguments[1]);
    settings.setString("table.local-time-zone", "UTC");
    TableEnvironment tables =
        TableEnvironment.create(
            EnvironmentSettings.newInstance()
                .inStreamingMode()
                .withConfiguration(settings)
                .build());
    for (String statement : Files.readString(Path.of(arguments[0])).split(";\n")) {
      TableResult result = tables.executeSql(statement);
      if (statement.startsWith("INSERT")) {
        result.await();
      }
    }
    System.exit(0);
  }
}
