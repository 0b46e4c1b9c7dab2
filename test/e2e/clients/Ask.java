import java.io.FileInputStream;
import java.net.InetSocketAddress;
import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Base64;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** java.net.http takes neither the proxy nor the roots from the environment: what its user writes is written here. */
public class Ask {
    public static void main(String[] arguments) throws Exception {
        KeyStore roots = KeyStore.getInstance(KeyStore.getDefaultType());
        roots.load(null, null);
        try (FileInputStream file = new FileInputStream(System.getenv("STANDIN_CA_FILE"))) {
            roots.setCertificateEntry("standin", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(roots);
        SSLContext tls = SSLContext.getInstance("TLS");
        tls.init(null, trust.getTrustManagers(), null);
        URI proxy = URI.create(System.getenv("HTTPS_PROXY"));
        // With an Authenticator it would leave the Authorization out that the program sets.
        String user = "Basic " + Base64.getEncoder().encodeToString(proxy.getUserInfo().getBytes(StandardCharsets.UTF_8));
        HttpClient client = HttpClient.newBuilder()
            .sslContext(tls)
            .proxy(ProxySelector.of(new InetSocketAddress(proxy.getHost(), proxy.getPort())))
            .build();
        URI base = URI.create(System.getenv("BASE"));
        String bearer = "Bearer " + System.getenv("KEY");
        HttpRequest get = HttpRequest.newBuilder(base.resolve("/authorization"))
            .headers("Authorization", bearer, "Proxy-Authorization", user)
            .build();
        HttpResponse<String> answer = client.send(get, HttpResponse.BodyHandlers.ofString());
        HttpRequest put = HttpRequest.newBuilder(base.resolve("/length"))
            .headers("Authorization", bearer, "Proxy-Authorization", user)
            .PUT(HttpRequest.BodyPublishers.ofByteArray(new byte[1_000_000]))
            .build();
        HttpResponse<String> length = client.send(put, HttpResponse.BodyHandlers.ofString());
        long right = IntStream.range(0, 50)
            .mapToObj(index -> client.sendAsync(get, HttpResponse.BodyHandlers.ofString()))
            .toList()
            .stream()
            .map(CompletableFuture::join)
            .filter(each -> each.body().equals(bearer))
            .count();
        boolean second = answer.version() == HttpClient.Version.HTTP_2;
        System.out.printf(
            "{\"version\":\"%s\",\"returned\":\"%s\",\"length\":\"%s\",\"many\":%d}%n",
            second ? "2" : "1.1", answer.body(), length.body().split(" ")[0], right);
    }
}
