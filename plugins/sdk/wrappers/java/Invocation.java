package org.serverlessbench;

import function.Function;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;

/** One request, from when it came to what is said of it. */
final class Invocation {
    private final boolean isCold = ColdStartTracker.isCold();
    private final Instant income = Instant.now();
    private final String requestId;

    Invocation(String requestId) {
        this.requestId = requestId;
    }

    /** Hands an event to the benchmark; the response's body. */
    Map<String, Object> run(Function function, Map<String, Object> event) {
        event.put("request-id", requestId);
        event.put("income-timestamp", microseconds(income) / 1e6);

        long began = microseconds(Instant.now());
        long clock = System.nanoTime();
        Object result = call(function, event);
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

    /** The body of a response that tells of an error. */
    Map<String, Object> errorBody(Throwable error) {
        Map<String, Object> described = new LinkedHashMap<>();
        described.put("type", error.getClass().getSimpleName());
        described.put("message", error.getMessage() == null ? "" : error.getMessage());
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("error", described);
        body.put("request_id", requestId);
        return body;
    }

    /** The benchmark's method may declare exceptions or not; what it throws goes on as it is. */
    private static Object call(Function function, Map<String, Object> event) {
        try {
            return function.handler(event);
        } catch (Exception error) {
            throw Invocation.<RuntimeException>unchecked(error);
        }
    }

    @SuppressWarnings("unchecked")
    private static <E extends Throwable> E unchecked(Throwable error) throws E {
        throw (E) error;
    }

    private static long microseconds(Instant time) {
        return ChronoUnit.MICROS.between(Instant.EPOCH, time);
    }

    private static String seconds(long microseconds) {
        return String.format("%d.%06d", microseconds / 1_000_000, microseconds % 1_000_000);
    }
}
