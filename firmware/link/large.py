"""An MQTT client that takes the key list and pages of the spent set, which are far larger than all other messages.

chumicro-mqtt drops what is larger than its buffer, and a buffer for the largest, with a copy of each message, is more
than a board's heap has in one piece. So such messages are gathered in one buffer that is set aside once, and handed
over where they lie: the payload is a memoryview that holds until the next one comes.

This reaches into the client's decoder (chumicro-mqtt 0.30.3, pinned): tests/simulator/test_real_passes.py holds it
against a real broker.
"""

from chumicro_mqtt._wire import PacketDecoder, ParsedPublish
from chumicro_mqtt.client import MQTTClient


class _Decoder(PacketDecoder):
    """Gathers payloads on topics that begin with ``prefix`` in ``gathered``; others that are too large are dropped."""

    def __init__(self, rx_buffer_size, prefix, gathered):
        super().__init__(rx_buffer_size=rx_buffer_size)
        self._prefix = prefix
        self._gathered = gathered  # a memoryview
        self._at = None  # where the next bytes go; None while nothing is gathered

    def fill_buffer(self):
        if self._at is None:
            return super().fill_buffer()
        return self._gathered[self._at :]

    def fill_capacity(self):
        if self._at is None:
            return super().fill_capacity()
        return self._drain_remaining

    def advance(self, nbytes):
        if self._at is None:
            super().advance(nbytes)
        elif nbytes > 0:
            self._at += nbytes
            self._drain_remaining -= nbytes

    def _enter_oversized_drain(self, *, bytes_still_on_wire, topic, qos, packet_id, message_length):
        if topic is not None and topic.startswith(self._prefix):
            size = message_length - 2 - len(topic) - (2 if qos else 0)
            here = size - bytes_still_on_wire
            if 0 <= here <= size <= len(self._gathered):
                end = self._buffer_length
                self._gathered[:here] = self._buffer_view[end - here : end]
                self._at = here
        super()._enter_oversized_drain(
            bytes_still_on_wire=bytes_still_on_wire,
            topic=topic,
            qos=qos,
            packet_id=packet_id,
            message_length=message_length,
        )

    def _maybe_finish_oversized(self):
        if self._at is None or self._drain_remaining > 0:
            return super()._maybe_finish_oversized()
        packet = ParsedPublish(
            topic=self._drain_topic,
            payload=self._gathered[: self._at],
            qos=self._drain_qos,
            packet_id=self._drain_packet_id,
        )
        self._at = None
        self._reset_drain_state()
        return packet


class LargeClient(MQTTClient):
    """``prefix`` of the topics whose messages may have up to ``largest`` bytes; ``options`` are MQTTClient's."""

    def __init__(self, prefix, largest, **options):
        super().__init__(**options)
        self._prefix = prefix
        self._gathered = memoryview(bytearray(largest))
        self._decoder = self._new_decoder()

    def _new_decoder(self):
        return _Decoder(self._rx_buffer_size, self._prefix, self._gathered)

    def _reset_transient_state(self):
        super()._reset_transient_state()
        self._decoder = self._new_decoder()
