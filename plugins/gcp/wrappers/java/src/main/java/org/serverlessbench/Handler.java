package org.serverlessbench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.cloud.functions.HttpFunction;
import com.google.cloud.functions.HttpRequest;
import com.google.cloud.functions.HttpResponse;
import function.Function;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** The entry point on Google Cloud Functions: hands a request to the benchmark and wraps what it returns. */
public final class Handler implements HttpFunction {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Function FUNCTION = new Function();

    /** The caller's mistake: HTTP status 400. */
    private static final class BadRequest extends Exception {
        BadRequest(String message) {
            super(message);
        }
    }

    /** Answers an HTTP request; an exception of the benchmark is a response with status 500. */
    @Override
    public void service(HttpRequest request, HttpResponse response) throws IOException {
        boolean isCold = ColdStartTracker.isCold();
        Instant income = Instant.now();
        String requestId = requestId(request);
        try {
            respond(response, 200, run(event(request), requestId, income, isCold));
        } catch (BadRequest error) {
            respond(response, 400, failure(error, requestId));
        } catch (Throwable error) {
            error.printStackTrace();
            respond(response, 500, failure(error, requestId));
        }
    }

    private static Map<String, Object> run(Map<String, Object> event, String requestId, Instant income, boolean isCold)
            throws Exception {
        event.put("request-id", requestId);
        event.put("income-timestamp", microseconds(income) / 1e6);

        long began = microseconds(Instant.now());
        long clock = System.nanoTime();
        Object result = FUNCTION.handler(event);
        long computeTime = (System.nanoTime() - clock) / 1000;

        Map<String, Object> body = new LinkedHashMap<>();
        body.put("begin", seconds(began));
        body.put("end", seconds(began + computeTime));
        body.put("compute_time", computeTime);
        body.put("results_time", 0);
        body.put("is_cold", isCold);
        body.put("result", result);
        body.put("request_id", requestId);
        body.put("container_id", ColdStartTracker.CONTAINER_ID);
        body.put("cold_start_var", System.getenv().getOrDefault("cold_start", ""));
        return body;
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

    private static Map<String, Object> failure(Throwable error, String requestId) {
        Map<String, Object> described = new LinkedHashMap<>();
        described.put("type", error.getClass().getSimpleName());
        described.put("message", String.valueOf(error.getMessage()));
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("error", described);
        body.put("request_id", requestId);
        return body;
    }

    private static long microseconds(Instant time) {
        return ChronoUnit.MICROS.between(Instant.EPOCH, time);
    }

    private static String seconds(long microseconds) {
        return String.format("%d.%06d", microseconds / 1_000_000, microseconds % 1_000_000);
    }
}
