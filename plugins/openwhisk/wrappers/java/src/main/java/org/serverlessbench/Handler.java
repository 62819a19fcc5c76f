package org.serverlessbench;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonPrimitive;
import function.Function;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The entry point on Apache OpenWhisk: hands a request to the benchmark and wraps what it returns. */
public final class Handler {
    // The runtime brings a Gson of its own, older or newer than the one in the package, which wins.
    private static final Gson JSON = new GsonBuilder().serializeNulls().disableHtmlEscaping().create();
    private static final Function FUNCTION = new Function();
    private static final String[] SETTINGS = {"MINIO_STORAGE_", "NOSQL_STORAGE_"};
    private static final String WEB = "__ow_";

    /** The caller's mistake: HTTP status 400. */
    private static final class BadRequest extends Exception {
        BadRequest(String message) {
            super(message);
        }
    }

    private Handler() {}

    /**
     * Answers an invocation or a web action.
     *
     * <p>An exception of the benchmark is OpenWhisk's to report after an invocation; of a web action
     * it is a response with status 500.
     */
    public static JsonObject main(JsonObject parameters) throws Exception {
        boolean isCold = ColdStartTracker.isCold();
        Instant income = Instant.now();
        JsonObject event = takeSettings(parameters);
        if (!event.has("__ow_method")) {
            return run(directRequest(event), income, isCold);
        }
        try {
            return run(httpRequest(event), income, isCold);
        } catch (BadRequest error) {
            return failure(400, error);
        } catch (Throwable error) {
            error.printStackTrace();
            return failure(500, error);
        }
    }

    private static JsonObject run(JsonObject request, Instant income, boolean isCold) throws Exception {
        String requestId = requestId();
        Map<String, Object> event = map(request);
        event.put("request-id", requestId);
        event.put("income-timestamp", microseconds(income) / 1e6);

        long began = microseconds(Instant.now());
        long clock = System.nanoTime();
        Object result = FUNCTION.handler(event);
        long computeTime = (System.nanoTime() - clock) / 1000;

        JsonObject body = new JsonObject();
        body.addProperty("begin", seconds(began));
        body.addProperty("end", seconds(began + computeTime));
        body.addProperty("compute_time", computeTime);
        body.addProperty("results_time", 0);
        body.addProperty("is_cold", isCold);
        body.add("result", JSON.toJsonTree(result));
        body.addProperty("request_id", requestId);
        body.addProperty("container_id", ColdStartTracker.CONTAINER_ID);
        body.addProperty("cold_start_var", variable("cold_start"));
        return body;
    }

    /** The parameters without the settings, which go where the benchmark may read them: system properties. */
    private static JsonObject takeSettings(JsonObject parameters) {
        JsonObject event = new JsonObject();
        for (Map.Entry<String, JsonElement> parameter : parameters.entrySet()) {
            String name = parameter.getKey();
            if (name.startsWith(SETTINGS[0]) || name.startsWith(SETTINGS[1])) {
                JsonElement value = parameter.getValue();
                System.setProperty(name, value.isJsonPrimitive() ? value.getAsString() : value.toString());
            } else {
                event.add(name, parameter.getValue());
            }
        }
        return event;
    }

    private static String requestId() {
        return variable("__OW_ACTIVATION_ID");
    }

    private static String variable(String name) {
        String value = System.getenv(name);
        return value == null ? "" : value;
    }

    /** What a web action was sent: its parameters, or the JSON object of a raw body. */
    private static JsonObject httpRequest(JsonObject event) throws BadRequest {
        if (!event.has("__ow_body")) {
            JsonObject request = new JsonObject();
            for (Map.Entry<String, JsonElement> parameter : event.entrySet()) {
                if (!parameter.getKey().startsWith(WEB)) {
                    request.add(parameter.getKey(), parameter.getValue());
                }
            }
            return request;
        }
        JsonElement body = event.get("__ow_body");
        if (body.isJsonObject()) {
            return body.getAsJsonObject();
        }
        if (body.isJsonNull() || body.getAsString().isEmpty()) {
            return new JsonObject();
        }
        String text = body.getAsString();
        // OpenWhisk encodes the body of some content types, and does not say which it did.
        try {
            text = new String(Base64.getDecoder().decode(text), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException error) {
            // It is as it was sent.
        }
        return jsonObject(text);
    }

    private static JsonObject jsonObject(String text) throws BadRequest {
        JsonElement request;
        try {
            request = JSON.fromJson(text, JsonElement.class);
        } catch (JsonParseException error) {
            throw new BadRequest("the request's body is not JSON: " + error.getMessage());
        }
        if (request == null || !request.isJsonObject()) {
            throw new BadRequest("the request's body is JSON, but not an object");
        }
        return request.getAsJsonObject();
    }

    /** The event, or the JSON object that is its body's text. */
    private static JsonObject directRequest(JsonObject event) {
        JsonElement body = event.get("body");
        if (body != null && body.isJsonPrimitive() && body.getAsJsonPrimitive().isString()) {
            try {
                return body.getAsString().isEmpty() ? new JsonObject() : jsonObject(body.getAsString());
            } catch (BadRequest error) {
                // It is text of the event's own.
            }
        }
        return event;
    }

    /** Java's form of a JSON object: whole numbers are Integer or Long, others Double. */
    private static Map<String, Object> map(JsonObject object) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (Map.Entry<String, JsonElement> entry : object.entrySet()) {
            map.put(entry.getKey(), value(entry.getValue()));
        }
        return map;
    }

    private static Object value(JsonElement element) {
        if (element.isJsonObject()) {
            return map(element.getAsJsonObject());
        }
        if (element.isJsonArray()) {
            List<Object> list = new ArrayList<>();
            for (JsonElement item : (JsonArray) element) {
                list.add(value(item));
            }
            return list;
        }
        if (element.isJsonNull()) {
            return null;
        }
        JsonPrimitive primitive = element.getAsJsonPrimitive();
        if (primitive.isBoolean()) {
            return primitive.getAsBoolean();
        }
        return primitive.isNumber() ? number(primitive.getAsString()) : primitive.getAsString();
    }

    private static Number number(String text) {
        if (text.matches("-?[0-9]+")) {
            BigDecimal whole = new BigDecimal(text);
            if (whole.precision() < 10) {
                return whole.intValueExact();
            }
            return whole.precision() < 19 ? (Number) whole.longValueExact() : whole.toBigInteger();
        }
        return Double.valueOf(text);
    }

    /** A web action's response with a status; OpenWhisk looks for it in `error` where something failed. */
    private static JsonObject failure(int status, Throwable error) {
        JsonObject described = new JsonObject();
        described.addProperty("type", error.getClass().getSimpleName());
        described.addProperty("message", String.valueOf(error.getMessage()));
        JsonObject body = new JsonObject();
        body.add("error", described);
        body.addProperty("request_id", requestId());
        JsonObject headers = new JsonObject();
        headers.addProperty("Content-Type", "application/json");
        JsonObject response = new JsonObject();
        response.addProperty("statusCode", status);
        response.add("headers", headers);
        response.add("body", body);
        JsonObject failed = new JsonObject();
        failed.add("error", response);
        return failed;
    }

    private static long microseconds(Instant time) {
        return ChronoUnit.MICROS.between(Instant.EPOCH, time);
    }

    private static String seconds(long microseconds) {
        return String.format("%d.%06d", microseconds / 1_000_000, microseconds % 1_000_000);
    }
}
