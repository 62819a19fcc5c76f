import com.microsoft.azure.functions.ExecutionContext;
import com.microsoft.azure.functions.HttpMethod;
import com.microsoft.azure.functions.HttpRequestMessage;
import com.microsoft.azure.functions.HttpResponseMessage;
import com.microsoft.azure.functions.HttpStatusType;
import com.microsoft.azure.functions.annotation.HttpTrigger;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.logging.Logger;

/**
 * Runs a function as the runtime of Azure Functions for Java does: Host.java PORT JAR ENTRY-POINT TRIGGER
 *
 * <p>The annotations and the types of requests and responses are those of the real library, which is
 * above the jar's classes. The trigger is the name of the binding in function.json.
 */
public final class Host {
    private static Class<?> type;
    private static Method method;
    private static int requestAt;

    public static void main(String[] arguments) throws Exception {
        URL jar = Path.of(arguments[1]).toUri().toURL();
        ClassLoader loader = new URLClassLoader(new URL[] {jar}, Host.class.getClassLoader());
        Thread.currentThread().setContextClassLoader(loader);
        int dot = arguments[2].lastIndexOf('.');
        type = loader.loadClass(arguments[2].substring(0, dot));
        for (Method candidate : type.getMethods()) {
            if (candidate.getName().equals(arguments[2].substring(dot + 1))) {
                method = candidate;
            }
        }
        requestAt = method.getParameterTypes()[0] == HttpRequestMessage.class ? 0 : 1;
        HttpTrigger trigger = method.getParameters()[requestAt].getAnnotation(HttpTrigger.class);
        if (!trigger.name().equals(arguments[3])) {
            throw new IllegalArgumentException("the method's trigger is " + trigger.name());
        }
        int port = Integer.parseInt(arguments[0]);
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
        server.createContext("/api/handler", Host::answer);
        server.start();
    }

    private static void answer(HttpExchange exchange) throws IOException {
        int status = 500;
        byte[] text = new byte[0];
        try {
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            Object request = request(exchange, body.isEmpty() ? Optional.empty() : Optional.of(body));
            Object context = context();
            Object[] arguments = requestAt == 0 ? new Object[] {request, context} : new Object[] {context, request};
            Object instance = type.getDeclaredConstructor().newInstance();
            HttpResponseMessage response = (HttpResponseMessage) method.invoke(instance, arguments);
            status = response.getStatusCode();
            exchange.getResponseHeaders().set("Content-Type", response.getHeader("Content-Type"));
            text = ((String) response.getBody()).getBytes(StandardCharsets.UTF_8);
        } catch (Throwable error) {
            error.printStackTrace();
        }
        exchange.sendResponseHeaders(status, text.length == 0 ? -1 : text.length);
        exchange.getResponseBody().write(text);
        exchange.close();
    }

    private static Object context() {
        String id = UUID.randomUUID().toString();
        return implement(ExecutionContext.class, (name, arguments) -> {
            switch (name) {
                case "getInvocationId":
                    return id;
                case "getFunctionName":
                    return "handler";
                default:
                    return Logger.getGlobal();
            }
        });
    }

    private static Object request(HttpExchange exchange, Optional<String> body) {
        return implement(HttpRequestMessage.class, (name, arguments) -> {
            switch (name) {
                case "getBody":
                    return body;
                case "getHttpMethod":
                    return HttpMethod.value(exchange.getRequestMethod());
                case "getUri":
                    return URI.create("http://localhost" + exchange.getRequestURI());
                case "createResponseBuilder":
                    return builder(((HttpStatusType) arguments[0]).value());
                default:
                    return new HashMap<String, String>();
            }
        });
    }

    private static HttpResponseMessage.Builder builder(int status) {
        Map<String, String> headers = new HashMap<>();
        Object[] body = new Object[1];
        return new HttpResponseMessage.Builder() {
            @Override
            public HttpResponseMessage.Builder status(HttpStatusType status) {
                throw new UnsupportedOperationException();
            }

            @Override
            public HttpResponseMessage.Builder header(String name, String value) {
                headers.put(name, value);
                return this;
            }

            @Override
            public HttpResponseMessage.Builder body(Object given) {
                body[0] = given;
                return this;
            }

            @Override
            public HttpResponseMessage build() {
                return (HttpResponseMessage) implement(HttpResponseMessage.class, (name, arguments) -> {
                    switch (name) {
                        case "getStatusCode":
                            return status;
                        case "getHeader":
                            return headers.get(arguments[0]);
                        default:
                            return body[0];
                    }
                });
            }
        };
    }

    private interface Answers {
        Object answer(String name, Object[] arguments) throws Throwable;
    }

    private static Object implement(Class<?> kind, Answers answers) {
        return Proxy.newProxyInstance(
                Host.class.getClassLoader(),
                new Class<?>[] {kind},
                (self, method, arguments) -> answers.answer(method.getName(), arguments));
    }
}
