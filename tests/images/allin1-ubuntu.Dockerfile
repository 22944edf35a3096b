# As the vendor's docker/dockerfiles/allin1 leaves it, without its supervisord: all homes below /data/deploy.
FROM scratch
ADD root.tar /
ENV SR_HOME=/data/deploy/starrocks JAVA_HOME=/lib/jvm/default-java PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY --chown=1000:1000 fe /data/deploy/starrocks/fe
COPY --chown=1000:1000 be /data/deploy/starrocks/be
COPY --chown=1000:1000 apache_hdfs_broker /data/deploy/starrocks/apache_hdfs_broker
WORKDIR /data/deploy
CMD ["./entrypoint.sh"]
