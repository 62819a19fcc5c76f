package org.serverlessbench;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import function.Function;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;

/** The entry point on AWS Lambda: hands a request to the benchmark and wraps what it returns. */
public final class Handler implements RequestStreamHandler {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Function FUNCTION = new Function();

    /** The caller's mistake: HTTP status 400. */
    private static final class BadRequest extends Exception {
        BadRequest(String message) {
            super(message);
        }
    }

    /**
     * Answers a direct invocation, an API Gateway or a function URL.
     *
     * <p>An exception of the benchmark is Lambda's to report after a direct invocation; over HTTP it
     * is a response with status 500.
     */
    @Override
    public void handleRequest(InputStream input, OutputStream output, Context context) throws IOException {
        boolean isCold = ColdStartTracker.isCold();
        Instant income = Instant.now();
        JSON.writeValue(output, answer(JSON.readValue(input, Object.class), context.getAwsRequestId(), income, isCold));
    }

    private static Map<String, Object> answer(Object event, String requestId, Instant income, boolean isCold) {
        if (!isHttp(event)) {
            return response(200, run(directRequest(event), requestId, income, isCold));
        }
        try {
            return response(200, run(httpRequest((Map<?, ?>) event), requestId, income, isCold));
        } catch (BadRequest error) {
            return failure(400, error, requestId);
        } catch (Throwable error) {
            error.printStackTrace();
            return failure(500, error, requestId);
        }
    }

    private static Map<String, Object> run(
            Map<String, Object> request, String requestId, Instant income, boolean isCold) {
        request.put("request-id", requestId);
        request.put("income-timestamp", microseconds(income) / 1e6);

        long began = microseconds(Instant.now());
        long clock = System.nanoTime();
        Object result = call(request);
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

    /** The benchmark's method may declare exceptions or not; what it throws goes on as it is. */
    private static Object call(Map<String, Object> request) {
        try {
            return FUNCTION.handler(request);
        } catch (Exception error) {
            throw Handler.<RuntimeException>unchecked(error);
        }
    }

    @SuppressWarnings("unchecked")
    private static <E extends Throwable> E unchecked(Throwable error) throws E {
        throw (E) error;
    }

    /** Whether it came from an API Gateway (REST or HTTP) or a function URL. */
    private static boolean isHttp(Object event) {
        if (!(event instanceof Map) || !(((Map<?, ?>) event).get("requestContext") instanceof Map)) {
            return false;
        }
        Map<?, ?> context = (Map<?, ?>) ((Map<?, ?>) event).get("requestContext");
        return context.containsKey("http")
                || context.containsKey("httpMethod")
                || ((Map<?, ?>) event).containsKey("httpMethod");
    }

    private static Map<String, Object> httpRequest(Map<?, ?> event) throws BadRequest {
        Object body = event.get("body");
        if (body == null || body.equals("")) {
            return new LinkedHashMap<>();
        }
        Object request;
        try {
            String text = String.valueOf(body);
            if (Boolean.TRUE.equals(event.get("isBase64Encoded"))) {
                text = new String(Base64.getMimeDecoder().decode(text), StandardCharsets.UTF_8);
            }
            request = JSON.readValue(text, Object.class);
        } catch (JsonProcessingException | IllegalArgumentException error) {
            throw new BadRequest("the request's body is not JSON: " + error.getMessage());
        }
        if (!(request instanceof Map)) {
            throw new BadRequest("the request's body is JSON, but not an object");
        }
        return object(request);
    }

    /** The event, or the JSON object that is its body's text. */
    private static Map<String, Object> directRequest(Object event) {
        if (!(event instanceof Map)) {
            throw new IllegalArgumentException("the event is JSON, but not an object");
        }
        if (((Map<?, ?>) event).get("body") instanceof String) {
            try {
                return httpRequest((Map<?, ?>) event);
            } catch (BadRequest error) {
                // It is text of the event's own.
            }
        }
        return object(event);
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> object(Object map) {
        return (Map<String, Object>) map;
    }

    private static Map<String, Object> response(int status, Map<String, Object> body) {
        Map<String, Object> response = new LinkedHashMap<>();
        response.put("statusCode", status);
        response.put("headers", Map.of("Content-Type", "application/json"));
        try {
            response.put("body", JSON.writeValueAsString(body));
        } catch (JsonProcessingException error) {
            throw new IllegalStateException("the benchmark's result cannot be written as JSON", error);
        }
        return response;
    }

    private static Map<String, Object> failure(int status, Throwable error, String requestId) {
        Map<String, Object> described = new LinkedHashMap<>();
        described.put("type", error.getClass().getSimpleName());
        described.put("message", String.valueOf(error.getMessage()));
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("error", described);
        body.put("request_id", requestId);
        return response(status, body);
    }

    private static long microseconds(Instant time) {
        return ChronoUnit.MICROS.between(Instant.EPOCH, time);
    }

    private static String seconds(long microseconds) {
        return String.format("%d.%06d", microseconds / 1_000_000, microseconds % 1_000_000);
    }
}
