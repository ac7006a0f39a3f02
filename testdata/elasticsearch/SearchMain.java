import java.util.List;
import java.util.Map;
import org.PROJECT.common.settings.Settings;
import org.PROJECT.node.InternalSettingsPreparer;
import org.PROJECT.node.Node;
import org.PROJECT.transport.Netty4Plugin;

/** One node of Elasticsearch or OpenSearch (PROJECT) for the tests, from the artefacts of Maven Central. */
public final class SearchMain extends Node {
  private SearchMain(Settings settings) {
    super(InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), null, () -> "tocsin-test"),
        List.of(Netty4Plugin.class), true);
  }

  /** Arguments: home folder, HTTP port, transport port. */
  public static void main(String[] args) throws Exception {
    Settings settings = Settings.builder()
        .put("path.home", args[0])
        .put("cluster.name", "tocsin-test")
        .put("node.name", "tocsin-test")
        .put("network.host", "127.0.0.1")
        .put("http.port", args[1])
        .put("transport.port", args[2])
        .put("transport.type", "netty4")
        .put("http.type", "netty4")
        .put("discovery.type", "single-node")
        .put("cluster.routing.allocation.disk.threshold_enabled", false)
        .build();
    SearchMain node = new SearchMain(settings);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      try {
        node.close();
      } catch (Exception e) {
        System.err.println("close node: " + e);
      }
    }));
    node.start();
    Thread.currentThread().join();
  }
}
