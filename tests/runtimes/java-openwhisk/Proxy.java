import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.InetSocketAddress;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;

/**
 * Stands in for OpenWhisk's runtime of Java: the published action contract, with the jar's classes
 * below those of the server, whose Gson is the one that actions get. It does not put the fields of
 * a call into the environment, which newer Javas do not allow.
 */
public final class Proxy {
    private interface Answer {
        JsonObject to(JsonObject body) throws Exception;
    }

    private static Method main;

    public static void main(String[] arguments) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])), 0);
        server.createContext("/init", exchange -> answer(exchange, Proxy::init));
        server.createContext("/run", exchange -> answer(exchange, Proxy::run));
        server.start();
    }

    private static void answer(HttpExchange exchange, Answer answer) throws IOException {
        int status = 200;
        JsonObject text;
        try (Reader reader = new InputStreamReader(exchange.getRequestBody(), StandardCharsets.UTF_8)) {
            text = answer.to(JsonParser.parseReader(reader).getAsJsonObject().getAsJsonObject("value"));
        } catch (Throwable error) {
            Throwable cause = error instanceof InvocationTargetException ? error.getCause() : error;
            cause.printStackTrace();
            status = 502;
            text = new JsonObject();
            text.addProperty("error", "An error has occurred: " + cause);
        }
        byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(status, bytes.length);
        exchange.getResponseBody().write(bytes);
        exchange.close();
    }

    private static JsonObject init(JsonObject value) throws Exception {
        Path jar = Files.createTempFile("action", ".jar");
        jar.toFile().deleteOnExit();
        Files.write(jar, Base64.getDecoder().decode(value.get("code").getAsString()));
        ClassLoader loader = new URLClassLoader(new URL[] {jar.toUri().toURL()}, Proxy.class.getClassLoader());
        main = loader.loadClass(value.get("main").getAsString()).getMethod("main", JsonObject.class);
        return new JsonObject();
    }

    private static JsonObject run(JsonObject value) throws Exception {
        return (JsonObject) main.invoke(null, value);
    }
}
