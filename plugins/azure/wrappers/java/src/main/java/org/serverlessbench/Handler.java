package org.serverlessbench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.microsoft.azure.functions.ExecutionContext;
import com.microsoft.azure.functions.HttpMethod;
import com.microsoft.azure.functions.HttpRequestMessage;
import com.microsoft.azure.functions.HttpResponseMessage;
import com.microsoft.azure.functions.HttpStatus;
import com.microsoft.azure.functions.annotation.AuthorizationLevel;
import com.microsoft.azure.functions.annotation.HttpTrigger;
import function.Function;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.logging.Level;

/** The entry point on Azure Functions: hands a request to the benchmark and wraps what it returns. */
public final class Handler {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Function FUNCTION = new Function();

    /** The caller's mistake: HTTP status 400. */
    private static final class BadRequest extends Exception {
        BadRequest(String message) {
            super(message);
        }
    }

    /** Answers an HTTP request; an exception of the benchmark is a response with status 500. */
    public HttpResponseMessage handleRequest(
            @HttpTrigger(
                            name = "req",
                            methods = {HttpMethod.GET, HttpMethod.POST},
                            authLevel = AuthorizationLevel.ANONYMOUS)
                    HttpRequestMessage<Optional<String>> request,
            ExecutionContext context)
            throws JsonProcessingException {
        boolean isCold = ColdStartTracker.isCold();
        Instant income = Instant.now();
        String requestId = context.getInvocationId();
        try {
            String body = JSON.writeValueAsString(run(event(request), requestId, income, isCold));
            return response(request, HttpStatus.OK, body);
        } catch (BadRequest error) {
            return response(request, HttpStatus.BAD_REQUEST, failure(error, requestId));
        } catch (Throwable error) {
            context.getLogger().log(Level.SEVERE, "the benchmark failed", error);
            return response(request, HttpStatus.INTERNAL_SERVER_ERROR, failure(error, requestId));
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

    @SuppressWarnings("unchecked")
    private static Map<String, Object> event(HttpRequestMessage<Optional<String>> request) throws BadRequest {
        String body = request.getBody().orElse("");
        if (body.isEmpty()) {
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

    private static HttpResponseMessage response(
            HttpRequestMessage<Optional<String>> request, HttpStatus status, String body) {
        return request.createResponseBuilder(status)
                .header("Content-Type", "application/json")
                .body(body)
                .build();
    }

    private static String failure(Throwable error, String requestId) throws JsonProcessingException {
        Map<String, Object> described = new LinkedHashMap<>();
        described.put("type", error.getClass().getSimpleName());
        described.put("message", String.valueOf(error.getMessage()));
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("error", described);
        body.put("request_id", requestId);
        return JSON.writeValueAsString(body);
    }

    private static long microseconds(Instant time) {
        return ChronoUnit.MICROS.between(Instant.EPOCH, time);
    }

    private static String seconds(long microseconds) {
        return String.format("%d.%06d", microseconds / 1_000_000, microseconds % 1_000_000);
    }
}
