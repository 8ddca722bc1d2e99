import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * The load checker: sends numbered records and writes down what becomes of each, then reads the topic and says what is
 * missing. A record is lost if the cluster acknowledged it and does not have it.
 *
 *   Load produce SERVERS TOPIC JOURNAL RATE [producer.property=value ...]
 *   Load verify  SERVERS TOPIC JOURNAL
 *
 * `produce` sends RATE records a second until SIGTERM. It waits for what it has sent, and ends. Meanwhile it looks five
 * times a second how many replicas of each partition are in sync.
 * `verify` ends with 0 where nothing is lost, 1 where something is, 2 where it could not read, or where nothing was
 * acknowledged, so that there is nothing to look for.
 *
 * The journal has a line for each event: `R run`, `S number` (given to the producer), `A ms number partition offset`
 * (acknowledged), `F ms number error` (the producer gave it up), `I ms count` (of the partition that has the fewest replicas
 * in sync: how many, when that has changed).
 */
public class Load {
    static final int OK = 0, LOST = 1, UNKNOWN = 2;

    public static void main(String[] a) {
        int code = UNKNOWN;
        try {
            if (a.length >= 5 && a[0].equals("produce")) code = produce(a);
            else if (a.length == 4 && a[0].equals("verify")) code = verify(a[1], a[2], Path.of(a[3]));
            else System.err.println("usage: Load produce SERVERS TOPIC JOURNAL RATE [property=value ...] | verify SERVERS TOPIC JOURNAL");
        } catch (Exception error) {
            error.printStackTrace();
        }
        System.out.flush();
        Runtime.getRuntime().halt(code);
    }

    static int produce(String[] a) throws Exception {
        String topic = a[2], run = Long.toString(System.currentTimeMillis(), 36);
        long rate = Long.parseLong(a[4]);
        Properties settings = new Properties();
        settings.put("bootstrap.servers", a[1]);
        settings.put("acks", "all");
        settings.put("enable.idempotence", "true");
        // Quick to notice a broker that is gone, and patient until another leads.
        settings.put("request.timeout.ms", "5000");
        settings.put("metadata.max.age.ms", "5000");
        settings.put("reconnect.backoff.max.ms", "1000");
        for (int i = 5; i < a.length; i++) {
            String[] pair = a[i].split("=", 2);
            settings.put(pair[0], pair[1]);
        }
        AtomicBoolean stop = new AtomicBoolean();
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stop.set(true);
            try { main.join(); } catch (InterruptedException gone) { main.interrupt(); }
        }));
        String padding = "x".repeat(100);
        try (PrintWriter journal = new PrintWriter(new BufferedWriter(Files.newBufferedWriter(Path.of(a[3]))));
                KafkaProducer<String, String> producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
                Admin admin = Admin.create(Map.of("bootstrap.servers", a[1]))) {
            journal.println("R " + run);
            int partitions = producer.partitionsFor(topic).size();
            Thread watch = new Thread(() -> watch(admin, topic, journal));
            watch.setDaemon(true);
            watch.start();
            System.out.println("producing to " + partitions + " partitions");
            long start = System.nanoTime();
            for (long sent = 0; !stop.get(); sent++) {
                long early = start + sent * 1_000_000_000L / rate - System.nanoTime();
                if (early > 0) Thread.sleep(early / 1_000_000, (int) (early % 1_000_000));
                long number = sent;
                synchronized (journal) { journal.println("S " + number); }
                Callback done = (where, error) -> {
                    long now = System.currentTimeMillis();
                    synchronized (journal) {
                        if (error == null) journal.println("A " + now + " " + number + " " + where.partition() + " " + where.offset());
                        else journal.println("F " + now + " " + number + " " + error.toString().replaceAll("\\s+", " "));
                        // Read by whoever waits for the first acknowledgements, and kept if this process is killed.
                        if (number % rate == 0) journal.flush();
                    }
                };
                try {
                    producer.send(new ProducerRecord<>(topic, (int) (number % partitions), run, number + " " + padding), done);
                } catch (KafkaException error) {
                    done.onCompletion(null, error);
                }
            }
            watch.interrupt();
            watch.join();
        }
        return OK;
    }

    static void watch(Admin admin, String topic, PrintWriter journal) {
        int last = -1;
        while (true) {
            try {
                int least = admin.describeTopics(List.of(topic)).allTopicNames().get(5, TimeUnit.SECONDS).get(topic)
                    .partitions().stream().mapToInt(partition -> partition.isr().size()).min().orElse(0);
                if (least != last) {
                    synchronized (journal) { journal.println("I " + System.currentTimeMillis() + " " + least); }
                    last = least;
                }
                Thread.sleep(200);
            } catch (ExecutionException | TimeoutException unanswered) {
                // A broker that goes away in mid-question answers nothing. The next question goes to another.
            } catch (InterruptedException over) {
                return;
            }
        }
    }

    /** What the journal says. */
    static class Journal {
        String run = "";
        long sent, failed, gap, gapFrom, partitionGap, leastInSync = Integer.MAX_VALUE;
        final Map<Integer, String> acknowledged = new HashMap<>();
        final Map<String, Integer> errors = new TreeMap<>();

        Journal(Path file) throws Exception {
            long last = 0;
            Map<Integer, Long> lastOf = new HashMap<>();
            try (BufferedReader in = Files.newBufferedReader(file)) {
                for (String line; (line = in.readLine()) != null; ) {
                    String[] field = line.split(" ", 5);
                    switch (field[0]) {
                        case "R" -> run = field[1];
                        case "S" -> sent++;
                        case "I" -> leastInSync = Math.min(leastInSync, Long.parseLong(field[2]));
                        case "F" -> {
                            failed++;
                            errors.merge(field[3].replaceAll(".*\\.|:$", ""), 1, Integer::sum);
                        }
                        case "A" -> {
                            long at = Long.parseLong(field[1]);
                            int partition = Integer.parseInt(field[3]);
                            acknowledged.put(Integer.parseInt(field[2]), partition + "@" + field[4]);
                            if (last > 0 && at - last > gap) { gap = at - last; gapFrom = last; }
                            last = at;
                            Long before = lastOf.put(partition, at);
                            if (before != null) partitionGap = Math.max(partitionGap, at - before);
                        }
                        default -> throw new IllegalStateException("a line of the journal is not whole: " + line);
                    }
                }
            }
        }
    }

    static int verify(String servers, String topic, Path file) throws Exception {
        Journal journal = new Journal(file);
        Map<Integer, Integer> copies = new HashMap<>();
        long disorder = 0;
        Properties settings = new Properties();
        settings.put("bootstrap.servers", servers);
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "earliest");
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            Set<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                .map(info -> new TopicPartition(topic, info.partition())).collect(Collectors.toSet());
            consumer.assign(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            consumer.seekToBeginning(partitions);
            Map<Integer, Integer> highest = new HashMap<>();
            Duration patience = Duration.ofSeconds(60);
            long deadline = System.nanoTime() + patience.toNanos();
            for (Set<TopicPartition> left = new HashSet<>(partitions); !left.isEmpty(); ) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(500))) {
                    deadline = System.nanoTime() + patience.toNanos();
                    if (!journal.run.equals(record.key())) continue;
                    int number = Integer.parseInt(record.value().substring(0, record.value().indexOf(' ')));
                    copies.merge(number, 1, Integer::sum);
                    if (highest.merge(record.partition(), number, Math::max) > number) disorder++;
                }
                left.removeIf(partition -> consumer.position(partition) >= ends.get(partition));
                if (System.nanoTime() > deadline) {
                    System.err.println("cannot read: nothing came for 60 s; still unread: " + left);
                    return UNKNOWN;
                }
            }
        }
        TreeSet<Integer> lost = new TreeSet<>(journal.acknowledged.keySet());
        lost.removeAll(copies.keySet());
        long unacknowledged = copies.keySet().stream().filter(number -> !journal.acknowledged.containsKey(number)).count();
        say("sent", journal.sent);
        say("acknowledged", journal.acknowledged.size());
        say("lost", lost.size());
        say("duplicated", copies.values().stream().mapToLong(count -> count - 1).sum());
        say("out of order", disorder);
        say("failed sends", journal.failed);
        say("read but not acknowledged", unacknowledged);
        say("least in sync", journal.leastInSync);
        say("longest gap, ms", journal.gap);
        say("longest gap of a partition, ms", journal.partitionGap);
        if (journal.gap > 0) System.out.println("longest gap after: " + java.time.Instant.ofEpochMilli(journal.gapFrom));
        if (!journal.errors.isEmpty()) System.out.println("failures: " + journal.errors);
        if (!lost.isEmpty())
            System.out.println("first lost, number partition@offset: " + lost.stream().limit(5)
                .map(number -> number + " " + journal.acknowledged.get(number)).collect(Collectors.joining(", ")));
        return !lost.isEmpty() ? LOST : journal.acknowledged.isEmpty() ? UNKNOWN : OK;
    }

    static void say(String what, long count) { System.out.println(what + ": " + count); }
}
