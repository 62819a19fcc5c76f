package org.serverlessbench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.cloud.functions.HttpFunction;
import com.google.cloud.functions.HttpRequest;
import com.google.cloud.functions.HttpResponse;
import function.Function;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** The entry point on Google Cloud Functions: hands a request to the benchmark and wraps what it returns. */
public final class Handler implements HttpFunction {
    private static final ObjectMapper JSON =
            new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
    private static final Function FUNCTION = new Function();

    /** Answers an HTTP request; an exception of the benchmark is a response with status 500. */
    @Override
    public void service(HttpRequest request, HttpResponse response) throws IOException {
        Invocation invocation = new Invocation(requestId(request));
        try {
            respond(response, 200, invocation.run(FUNCTION, event(request)));
        } catch (BadRequest error) {
            respond(response, 400, invocation.errorBody(error));
        } catch (Throwable error) {
            error.printStackTrace();
            respond(response, 500, invocation.errorBody(error));
        }
    }

    /** The id of the trace, `TRACE/SPAN;o=OPTIONS`, or of the execution; a random one where there is neither. */
    private static String requestId(HttpRequest request) {
        Optional<String> trace = request.getFirstHeader("X-Cloud-Trace-Context");
        trace = trace.map(header -> header.split("[;/]", 2)[0]).filter(id -> !id.isEmpty());
        return trace.or(() -> request.getFirstHeader("Function-Execution-Id"))
                .orElseGet(() -> UUID.randomUUID().toString().replace("-", ""));
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> event(HttpRequest request) throws IOException, BadRequest {
        byte[] body = request.getInputStream().readAllBytes();
        if (body.length == 0) {
            return new LinkedHashMap<>();
        }
        Object event;
        try {
            event = JSON.readValue(body, Object.class);
        } catch (JsonProcessingException error) {
            throw new BadRequest("the request's body is not JSON: " + error.getMessage());
        }
        if (!(event instanceof Map)) {
            throw new BadRequest("the request's body is JSON, but not an object");
        }
        return (Map<String, Object>) event;
    }

    private static void respond(HttpResponse response, int status, Map<String, Object> body) throws IOException {
        byte[] text = JSON.writeValueAsString(body).getBytes(StandardCharsets.UTF_8);
        response.setStatusCode(status);
        response.setContentType("application/json");
        response.getOutputStream().write(text);
    }
}
